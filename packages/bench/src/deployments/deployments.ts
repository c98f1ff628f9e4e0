/**
 * The workloads `open-loop` and `edfi`: deployments over HTTP, of several contenders and sizes, of this build and
 * others. In each round every deployment is started once, on a fresh copy of one prefilled database, and measured
 * under each load. So disturbances of the machine affect all of them.
 */
import { SluiceError } from 'sluice/internal/protocol';
import { chooseCode, type Code } from '../code.ts';
import { machineFacts, type MachineFacts } from '../machine-facts.ts';
import { absenceOf, isDeployed, type ContenderName } from '../names.ts';
import { openServer, type ServerFacts } from '../server.ts';
import { World } from '../world.ts';
import { otherBuild, ownBuild, profiled, type Build } from './build.ts';
import { Deployment } from './deployment.ts';
import { measureDocuments } from './measure-documents.ts';
import { measureCapacity, measureRates } from './measure-rates.ts';
import { resultsOf, type DeploymentMeasurement, type DeploymentResult, type Place } from './results.ts';
import type { Capacity, DeploymentsOptions, OnLoad, Run } from './run.ts';
import { SluiceProcess } from './sluice-process.ts';

export interface DeploymentsReport {
  benchmark: 'sluice';
  at: string;
  workload: DeploymentsOptions['workload'];
  options: Record<string, unknown>;
  machine: MachineFacts;
  server: ServerFacts;
  code: Code['kind'];
  absent: Partial<Record<ContenderName, string>>;
  /** The capacities that percentages of rates refer to. */
  capacities: Capacity[];
  results: DeploymentResult[];
  measurements: DeploymentMeasurement[];
}

const reportedOptions = [
  'contenders',
  'rate',
  'rateOf',
  'clients',
  'writers',
  'nodes',
  'lanes',
  'rounds',
  'seconds',
  'warmupSeconds',
  'prefill',
  'seed',
  'poolMax',
  'flushDelayMs',
  'postgres',
] as const;

/** @throws {SluiceError} `configuration_invalid` */
export async function measureDeployments(options: DeploymentsOptions): Promise<DeploymentsReport> {
  const { workload, databaseUrl, dataDir, flushDelayMs, postgres: settings, profileFolder } = options;
  const contenders = options.contenders.filter(isDeployed);
  if (contenders.length === 0) {
    throw new SluiceError(
      'configuration_invalid',
      `Cannot measure --workload ${workload}: none of --contenders is a deployment over HTTP: ${options.contenders.join(', ')}`,
    );
  }
  const code = chooseCode(options.code);
  const builds = [
    ownBuild(options.checkout, code.kind),
    ...options.builds.map((folder) => otherBuild(folder)),
  ].map((build) => (profileFolder === null ? build : profiled(build, profileFolder)));
  options.onProgress('starting PostgreSQL');
  const withStatements = profileFolder !== null && databaseUrl === null;
  const server = await openServer({ databaseUrl, dataDir, flushDelayMs, settings, withStatements });
  try {
    const run: Run = { options, contenders, builds, server, code, capacities: [], measurements: [] };
    for (const lanes of new Set(options.lanes)) await measureLanes(run, lanes);
    return {
      benchmark: 'sluice',
      at: new Date().toISOString(),
      workload,
      options: {
        ...Object.fromEntries(reportedOptions.map((name) => [name, options[name]])),
        builds: builds.map(({ name }) => name),
      },
      machine: machineFacts(),
      server: server.facts,
      code: code.kind,
      absent: Object.fromEntries(
        options.contenders.flatMap((name) => {
          const why = absenceOf(name, workload);
          return why === null ? [] : [[name, why]];
        }),
      ),
      capacities: run.capacities,
      results: resultsOf(run.measurements),
      measurements: run.measurements,
    };
  } finally {
    await server.stop();
  }
}

interface Worlds {
  build: Build;
  world: World;
}

/** Each build has its own database, because its schema may differ. */
async function measureLanes(run: Run, lanes: number): Promise<void> {
  const { options, builds, server } = run;
  const worlds: Worlds[] = [];
  try {
    for (const build of builds) {
      const world = await World.create({
        serverUrl: server.url,
        isShared: false,
        documents: options.prefill,
        lanes,
        signal: options.signal,
        onProgress: (stored) => options.onProgress(`storing documents: ${stored} of ${options.prefill}`),
        prefill: build.prefill,
        migrate: async (url) =>
          void (await SluiceProcess.start({ build, args: ['migrate'], databaseUrl: url })),
      });
      worlds.push({ build, world });
    }
    await measureRounds(run, worlds, lanes);
  } finally {
    for (const { world } of worlds) await world.remove();
  }
}

async function measureRounds(run: Run, worlds: readonly Worlds[], lanes: number): Promise<void> {
  const { options } = run;
  const [own] = worlds;
  if (own === undefined) return;
  if (options.workload === 'open-loop' && options.rate.some((rate) => 'percent' in rate)) {
    for (const nodes of new Set(options.nodes)) {
      const place = placeOf({ contender: options.rateOf, build: own.build.name, lanes, nodes, writers: 1 });
      options.onProgress(`measuring what ${options.rateOf} can take: ${nodes} nodes`);
      await withDeployment(run, own, place, async (deployment) => {
        run.capacities.push(await measureCapacity(run, place, deployment));
      });
    }
  }
  const places = placesOf(run, worlds, lanes);
  for (let round = 1; round <= options.rounds; round++) {
    // In alternating order, so that no place always follows the same one.
    for (const { place, ...at } of round % 2 === 1 ? places : places.toReversed()) {
      options.signal.throwIfAborted();
      const { build, contender, nodes, writers } = place;
      options.onProgress(
        `round ${round} of ${options.rounds}: ${contender} of ${build}, ${lanes} lanes, ${nodes} nodes, ${writers} writers`,
      );
      const onLoad: OnLoad = (load, figures) => {
        const made = { ...place, round, ...load, ...figures };
        run.measurements.push(made);
        options.onMeasurement(made);
      };
      await withDeployment(run, at, place, (deployment) =>
        options.workload === 'edfi'
          ? measureDocuments(run, deployment, round, onLoad)
          : measureRates(run, place, deployment, round, onLoad),
      );
    }
  }
}

/** Only `coordinated` has writers, and `seed-direct` belongs to no build. */
function placeOf(place: Place): Place {
  return { ...place, writers: place.contender === 'coordinated' ? place.writers : 0 };
}

function placesOf(
  { options, contenders }: Run,
  worlds: readonly Worlds[],
  lanes: number,
): (Worlds & { place: Place })[] {
  const places = new Map<string, Worlds & { place: Place }>();
  for (const nodes of options.nodes)
    for (const writers of options.writers)
      for (const contender of contenders)
        for (const at of contender === 'seed-direct' ? worlds.slice(0, 1) : worlds) {
          const place = placeOf({ contender, build: at.build.name, lanes, nodes, writers });
          places.set(Object.values(place).join(), { ...at, place });
        }
  return [...places.values()];
}

/** Starts the deployment on a database of its own, and stops it in any case. */
async function withDeployment(
  { options, code }: Run,
  { build, world }: Worlds,
  { contender, lanes, nodes, writers }: Place,
  work: (deployment: Deployment) => Promise<void>,
): Promise<void> {
  const { poolMax, signal } = options;
  await world.use(contender === 'seed-direct' ? 'declared' : 'own', async (url) => {
    const modelFiles = options.documents?.modelFiles ?? null;
    const deployment = new Deployment({
      contender,
      build,
      code,
      url,
      lanes,
      nodes,
      writers,
      modelFiles,
      poolMax,
    });
    const kill = (): void => deployment.kill();
    signal.addEventListener('abort', kill);
    try {
      await deployment.start();
      await work(deployment);
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      signal.removeEventListener('abort', kill);
      await deployment.stop();
    }
  });
}
