/** A load: many documents through several nodes, a limited number under way, each until it has its final answer. */
import { setMaxListeners } from 'node:events';
import type { LoadLine } from './load-line.ts';
import type { LoadOptions, LoadRun } from './load-options.ts';
import { LoadRecord, type LoadReport } from './load-record.ts';
import { OrderedRun } from './ordered-run.ts';
import type { BrokenLine } from './read-lines.ts';
import { UnorderedRun } from './unordered-run.ts';

export type { LoadFailure, LoadRefusal, LoadReport, LoadTally } from './load-record.ts';

export async function load(
  lines: AsyncIterable<LoadLine | BrokenLine> | Iterable<LoadLine | BrokenLine>,
  options: LoadOptions,
): Promise<LoadReport> {
  const { signal = new AbortController().signal, retryMs = 60_000, stopMs = 20_000 } = options;
  // Every document that waits for its next try listens.
  setMaxListeners(0, signal);
  const record = new LoadRecord(options);
  const seconds = options.waitForReferencesSeconds ?? null;
  const runOptions = { ...options, record, signal, retryMs };
  const run: LoadRun = seconds === null ? new OrderedRun(runOptions) : new UnorderedRun(runOptions, seconds);
  let timer: NodeJS.Timeout | undefined;
  const giveUp = (): void => void (timer = setTimeout(() => void run.close(), stopMs));
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    for await (const line of lines) {
      if (signal.aborted) break;
      if ('fault' in line) record.breakOff(line);
      else await run.add(line);
    }
    await run.finish();
  } finally {
    signal.removeEventListener('abort', giveUp);
    clearTimeout(timer);
    await run.close();
  }
  return record.report(signal.aborted);
}
