// What the clients of rows asked and heard, by request, and what the tables hold in the end.

export interface RowRequest {
  /** Stands in the body, and in no other. */
  token: number;
  /** Table, or `counter`. */
  target: string;
  operation: 'insert' | 'upsert' | 'update' | 'delete';
  /** The row's key; null: the database gives it. */
  key: string | null;
  /** The row of `shelf` that it refers to. */
  shelf: string | null;
  /** Rows of the write: more than one is an array. */
  rows: number;
  hasIdempotencyKey: boolean;
  /** First try, and first acknowledgement. */
  invokedAt: number;
  ackedAt: number;
  /** The answer to the last try, whatever it was. */
  endedAt: number;
  tries: number;
  /** Tries that were acknowledged, and that were definitely not applied; the others are unknown. */
  acks: number;
  fails: number;
  results: Set<string>;
  /** Codes of definite refusals. */
  codes: Set<string>;
}

export interface LedgerRow {
  /** In the order of the transactions of one row. */
  seq: number;
  target: string;
  key: string;
  op: 'INSERT' | 'UPDATE' | 'DELETE';
  token: number;
}

export interface RowTruth {
  ledger: readonly LedgerRow[];
  gauges: readonly { name: string; token: number }[];
  counters: readonly { counter: string; n: number }[];
  /** Tokens of `event`, with the number of their rows. */
  events: readonly { token: number; rows: number }[];
  /** Rows of `entry`, `account` and `shelf`: the last token of each. */
  rows: readonly { target: string; key: string; token: number }[];
  /** Children without their parent that a reader saw. */
  orphans: number;
}
