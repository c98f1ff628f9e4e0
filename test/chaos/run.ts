// npm run chaos -- [--minutes N] [--seed S] [--clients N] [--fault-interval-ms N] [--json]
// Ends with one JSON line; the exit code is 0 only if the run was sound.

import { parseArgs } from 'node:util';
import { runChaos } from './chaos.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: process.env['SLUICE_CHAOS_SEED'] ?? String(Date.now() % 1_000_000) },
    clients: { type: 'string', default: '64' },
    'fault-interval-ms': { type: 'string', default: '3000' },
    json: { type: 'boolean', default: false },
  },
});

function numberOf(name: 'minutes' | 'seed' | 'clients' | 'fault-interval-ms'): number {
  const number = Number(values[name]);
  if (!Number.isFinite(number) || number < 0) {
    console.error(`Cannot run as --${name} is not a number: ${values[name]}`);
    process.exit(2);
  }
  return number;
}

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // The second time at once: what was started ends with us.
    if (stop.signal.aborted) process.exit(130);
    stop.abort();
  });
}

const say = (sentence: string): void => {
  if (!values.json) console.error(sentence);
};
try {
  const seed = numberOf('seed');
  say(`seed ${seed}`);
  const report = await runChaos({
    seed,
    durationMs: numberOf('minutes') * 60_000,
    faultIntervalMs: numberOf('fault-interval-ms'),
    clients: numberOf('clients'),
    signal: stop.signal,
    onProgress: say,
  });
  console.log(JSON.stringify(report));
  process.exitCode = report.isSound && report.calmAfterMs !== null ? 0 : 1;
} catch (error) {
  if (!stop.signal.aborted) throw error;
  // Clients that wait for a node to come back would go on waiting.
  process.exit(130);
}
