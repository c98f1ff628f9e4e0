// Runs seeds, one after the other, until one fails or all have run; ends with one JSON line. Started by run-seeds.ts in a
// copy of the product.  main.ts --from=1 --count=500

import { parseArgs } from 'node:util';
import { clock, takeOverTime } from './clock.ts';

const { values } = parseArgs({
  options: {
    from: { type: 'string', default: '1' },
    count: { type: 'string', default: '1' },
    /** Tells the recordings of a seed that fails, on standard error. */
    trace: { type: 'boolean', default: false },
  },
});

const realNow = performance.now.bind(performance);
const started = realNow();
takeOverTime();
const { SeedRun } = await import('./seed-run.ts');

export interface SeedsReport {
  seeds: number;
  seconds: number;
  events: number;
  attempts: number;
  ok: number;
  fail: number;
  info: number;
  recovered: number;
  deadlocks: number;
  failed: { seed: number; shape: string; findings: string[] } | null;
}

const from = Number(values.from);
const report: SeedsReport = {
  seeds: 0,
  seconds: 0,
  events: 0,
  attempts: 0,
  ok: 0,
  fail: 0,
  info: 0,
  recovered: 0,
  deadlocks: 0,
  failed: null,
};
let rejected: Error | null = null;
const reject = (error: unknown): void => {
  rejected ??= error instanceof Error ? error : new Error('rejected with something else than an error');
};
const failure = (): Error | null => rejected;
process.on('unhandledRejection', reject);

for (let seed = from; seed < from + Number(values.count) && report.failed === null; seed++) {
  // The parent process sees the progress, in case it never ends.
  process.stdout.write(`seed ${seed}\n`);
  clock.begin(seed);
  const run = new SeedRun();
  const shape = run.description;
  try {
    const { counts, findings, isSound } = await run.run();
    report.deadlocks += run.deadlocks;
    for (const name of ['attempts', 'ok', 'fail', 'info', 'recovered'] as const) report[name] += counts[name];
    if (!isSound) report.failed = { seed, shape, findings };
    if (!isSound && values.trace) console.error(JSON.stringify(run.recordings));
  } catch (error) {
    reject(error);
  }
  const told = failure();
  if (told !== null) report.failed = { seed, shape, findings: [told.stack ?? told.message] };
  report.seeds += 1;
  report.events += clock.events;
}
report.seconds = Math.round((realNow() - started) / 100) / 10;
process.stdout.write(`${JSON.stringify(report)}\n`, () => process.exit(report.failed === null ? 0 : 1));
