/** The options of a load, and the interface of each way to run one. */
import type { Model } from 'sluice/model';
import type { LoadLine } from './load-line.ts';
import type { LoadRecord, LoadTally } from './load-record.ts';

export interface LoadOptions {
  /** URLs of the nodes. */
  nodes: readonly string[];
  /** The key or token for the nodes. @default null: no authentication */
  token?: string | null;
  /** Concurrent requests. */
  concurrency: number;
  /** Null: one document at a time, in order, unless documents wait for each other in the database. */
  model: Model | null;
  /**
   * Seconds that a document may wait for documents that it refers to. Then the load needs no order, and waiting
   * documents occupy no request. @default null: a document is submitted after the answers to earlier documents that
   * it needs
   */
  waitForReferencesSeconds?: number | null;
  /** How long one document is retried, in milliseconds. @default 60_000 */
  retryMs?: number;
  /** Most failures and refusals in the report. @default 20 */
  failuresShown?: number;
  /** An abort makes the load take no new lines, and wait for the requests under way. */
  signal?: AbortSignal;
  /** Longest of these waits, in milliseconds, because a node may not answer. @default 20_000 */
  stopMs?: number;
  /** Called when answers come, with a function that reads the state of the load. */
  onProgress?: (readTally: () => LoadTally) => void;
}

/** A way to submit lines and collect their answers. */
export interface LoadRun {
  /** Takes a line, and waits while enough others are under way. */
  add(line: LoadLine): Promise<void>;
  /** Waits for all lines taken; after an interrupt, for the requests under way. */
  finish(): Promise<void>;
  close(): Promise<void>;
}

export interface LoadRunOptions extends LoadOptions {
  record: LoadRecord;
  signal: AbortSignal;
  retryMs: number;
}
