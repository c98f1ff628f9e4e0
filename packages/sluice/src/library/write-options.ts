/** What may be said of one write, beside what it writes. */

export interface WriteOptions {
  /** Aborted, the write is cancelled, and the error says what became of it. */
  signal?: AbortSignal;
  /** A second write with the same key changes nothing and has the answer of the first. 1 to 255 characters. */
  idempotencyKey?: string;
  /** Whose key it is: keys of different callers do not meet. @default '' */
  client?: string;
  /** How long to wait for the answer; then the write is cancelled. @default the client's `waitMs` */
  waitMs?: number;
  /** The `etag` that the document must have; `*`: it must exist. */
  ifMatch?: string;
  /** How long the write may wait for documents it refers to that nobody has written yet. @default 0 */
  waitForReferencesSeconds?: number;
  /** False: a refusal is returned, not thrown. @default true */
  throwOnRefusal?: boolean;
}
