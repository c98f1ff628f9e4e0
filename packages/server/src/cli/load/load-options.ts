/** What a load is given, and what each way of running one has to offer. */
import type { Model } from 'sluice/model';
import type { LoadLine } from './load-line.ts';
import type { LoadRecord, LoadTally } from './load-record.ts';

export interface LoadOptions {
  /** URLs of the nodes. */
  nodes: readonly string[];
  /** The key or token for the nodes. @default null: they have no authentication */
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
