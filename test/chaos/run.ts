// npm run chaos -- [--minutes N] [--seed S] [--clients N] [--rate N] [--streams N] [--writers N]
//                  [--row-clients N] [--fault-interval-ms N] [--kills-min N] [--profile usual|kills | --weights KIND=N,…] [--json]
// npm run chaos -- --stores N [--minutes N] …   the same of each of so many data stores, on two servers
// npm run chaos -- --scenario NAME|all|waiting [--window-seconds N] [--json]
// npm run chaos -- --rows N [--clients N] [--writers N] [--fault-interval-ms N] [--json]   a load of rows to its end
// npm run chaos -- --add FILE…       the JSON lines of several runs as one
// Ends with one JSON line (with --scenario, one each); the exit code is 0 only if every run was sound.

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { awaitStopRequest } from '../../packages/server/src/cli/process/stop-request.ts';
import { addReports } from './add-reports.ts';
import { runStoresChaos } from './chaos-stores.ts';
import { runChaos, type ChaosOptions, type ChaosReport } from './chaos.ts';
import { faultProfiles, parseWeights, type FaultProfile, type FaultWeights } from './fault-weights.ts';
import { loadRows } from './load-rows.ts';
import { scenarioNames } from './scenarios.ts';
import { runScenario } from './run-scenario.ts';
import { runWaiting } from './waiting.ts';

const numbers = {
  minutes: { type: 'string', default: '1' },
  seed: { type: 'string', default: process.env['SLUICE_CHAOS_SEED'] ?? String(Date.now() % 1_000_000) },
  clients: { type: 'string', default: '64' },
  'row-clients': { type: 'string', default: '16' },
  rate: { type: 'string', default: '1000' },
  rows: { type: 'string', default: '0' },
  stores: { type: 'string', default: '0' },
  streams: { type: 'string', default: '16' },
  writers: { type: 'string', default: '3' },
  'fault-interval-ms': { type: 'string', default: '3000' },
  'kills-min': { type: 'string', default: '0' },
  'window-seconds': { type: 'string', default: '6' },
} as const;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    ...numbers,
    profile: { type: 'string', default: 'usual' },
    weights: { type: 'string' },
    scenario: { type: 'string' },
    add: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});

function refuse(sentence: string): never {
  console.error(sentence);
  process.exit(2);
}

function numberOf(name: keyof typeof numbers): number {
  const number = Number(values[name]);
  if (Number.isNaN(number) || number < 0) refuse(`Cannot run: --${name} is not a number: ${values[name]}`);
  return number;
}

function weightsOf(): FaultWeights {
  const { weights, profile } = values;
  if (weights === undefined) {
    if (Object.hasOwn(faultProfiles, profile)) return faultProfiles[profile as FaultProfile];
    return refuse(`Cannot run: there is no such profile of faults: ${profile}`);
  }
  try {
    return parseWeights(weights);
  } catch (error) {
    return refuse((error as Error).message);
  }
}

// The second time at once: what was started ends with us.
const stop = awaitStopRequest();

const say = (sentence: string): void => {
  if (!values.json) console.error(sentence);
};

async function attack(seed: number): Promise<boolean> {
  const options: ChaosOptions = {
    seed,
    durationMs: numberOf('minutes') * 60_000,
    killsMin: numberOf('kills-min'),
    faultIntervalMs: numberOf('fault-interval-ms'),
    clients: numberOf('clients'),
    rowClients: numberOf('row-clients'),
    rate: numberOf('rate'),
    streams: numberOf('streams'),
    writers: numberOf('writers'),
    weights: weightsOf(),
    signal: stop.signal,
    onProgress: say,
  };
  const stores = numberOf('stores');
  if (stores === 1) refuse('Cannot run: --stores has to be 2 or more, for two servers');
  const report = stores > 0 ? await runStoresChaos({ ...options, stores }) : await runChaos(options);
  console.log(JSON.stringify(report));
  return report.isSound && report.calmAfterMs !== null;
}

async function fill(seed: number): Promise<boolean> {
  const report = await loadRows({
    seed,
    rows: numberOf('rows'),
    clients: numberOf('clients'),
    writers: numberOf('writers'),
    faultIntervalMs: numberOf('fault-interval-ms'),
    signal: stop.signal,
    onProgress: say,
  });
  console.log(JSON.stringify(report));
  return report.isSound && report.calmAfterMs !== null;
}

async function play(wanted: string, seed: number): Promise<boolean> {
  if (wanted === 'waiting') {
    const report = await runWaiting({ onProgress: say });
    console.log(JSON.stringify(report));
    return report.isSound;
  }
  const names = wanted === 'all' ? scenarioNames : scenarioNames.filter((name) => name === wanted);
  if (names.length === 0) refuse(`Cannot run: there is no such scenario: ${wanted}`);
  let isSound = true;
  for (const name of names) {
    const report = await runScenario({
      name,
      seed,
      windowMs: numberOf('window-seconds') * 1000,
      signal: stop.signal,
      onProgress: say,
    });
    console.log(JSON.stringify(report));
    isSound &&= report.isSound && report.calmAfterMs !== null;
  }
  return isSound;
}

/** The last line of each file: what stands before it may be progress. */
function add(files: readonly string[]): boolean {
  if (files.length === 0) refuse('Cannot add up: no file is named');
  const reports = files.flatMap((file) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as ChaosReport),
  );
  const total = addReports(reports);
  console.log(JSON.stringify(total));
  return total.isSound;
}

try {
  const seed = numberOf('seed');
  let isSound: boolean;
  if (values.add) isSound = add(positionals);
  else {
    say(`seed ${seed}`);
    if (values.scenario !== undefined) isSound = await play(values.scenario, seed);
    else isSound = numberOf('rows') > 0 ? await fill(seed) : await attack(seed);
  }
  process.exitCode = isSound ? 0 : 1;
} catch (error) {
  if (!stop.signal.aborted) throw error;
  // Clients that wait for a node to come back would go on waiting.
  process.exit(130);
}
