/** A load: many documents through several nodes, a bounded number under way, each until it has its definite answer. */
import { setMaxListeners } from 'node:events';
import type { Model } from '@sluice/model';
import type { LoadLine } from './load-line.ts';
import { LoadRecord, type LoadReport, type LoadTally } from './load-record.ts';
import { OrderedRun } from './ordered-run.ts';
import type { BrokenLine } from './read-lines.ts';
import { UnorderedRun } from './unordered-run.ts';

export type { LoadFailure, LoadRefusal, LoadReport, LoadTally } from './load-record.ts';

export interface LoadOptions {
  /** URLs of the nodes. */
  nodes: readonly string[];
  /** By which the nodes know who asks. @default null: they do not ask */
  token?: string | null;
  /** Requests under way at the same time. */
  concurrency: number;
  /** Null: one document at a time, in order, unless documents wait for each other in the database. */
  model: Model | null;
  /**
   * Seconds that a document may wait for those it refers to: then the load needs no order, and documents that wait
   * hold none of its requests. @default null: each is submitted once those before it that it needs are answered
   */
  waitForReferencesSeconds?: number | null;
  /** How long one document is tried again. @default 60_000 */
  retryMs?: number;
  /** Failures and refusals that the report lists. @default 20 */
  failuresShown?: number;
  /** Aborted, the load takes no new lines and waits for the answers to requests under way. */
  signal?: AbortSignal;
  /** For so long at most: a node may hang. @default 20_000 */
  stopMs?: number;
  /** Called as answers come, with what tells the state of the load. */
  onProgress?: (readTally: () => LoadTally) => void;
}

/** A way to get lines to their answers. */
export interface LoadRun {
  /** Takes a line, and waits while enough others are under way. */
  add(line: LoadLine): Promise<void>;
  /** Waits for all lines taken; once interrupted, for the requests under way. */
  finish(): Promise<void>;
  close(): Promise<void>;
}

export interface LoadRunOptions extends LoadOptions {
  record: LoadRecord;
  signal: AbortSignal;
  retryMs: number;
}

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
