/** The options of one write. */

export interface WriteOptions {
  /** An abort cancels the write; the error says what became of it. */
  signal?: AbortSignal;
  /** A second write with the same key changes nothing and gets the first answer. 1 to 255 characters. */
  idempotencyKey?: string;
  /** Owner of the key: keys of different clients are independent. @default '' */
  client?: string;
  /** Milliseconds to wait for the answer; then the write is cancelled. @default the client's `waitMs` */
  waitMs?: number;
  /** The `etag` that the document must have; `*`: the document must exist. */
  ifMatch?: string;
  /** Seconds that the write may wait for referenced documents that no client has written yet. @default 0 */
  waitForReferencesSeconds?: number;
  /** False: a refusal is returned, not thrown. @default true */
  throwOnRefusal?: boolean;
}
