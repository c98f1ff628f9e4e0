/** A request to a table, a function or a handler. */
import type { RowOperation } from '#protocol';

export interface RowRequest {
  /** Name of the target; the schema `public` may be left out. */
  target: string;
  /** Functions and handlers take `insert`. */
  operation: RowOperation;
  /**
   * Insert and upsert: a row as JSON text, or an array of rows as one write: all of them are applied, or none.
   * Update: the columns to change. Delete: null.
   */
  body: string | null;
  /** The same, parsed; if missing, the client parses `body`. */
  parsed?: unknown;
  /** Update and delete: the values of the key's columns. */
  key?: Readonly<Record<string, unknown>>;
  /** Only these columns are written; others in the rows are ignored. @default the columns of the rows */
  columns?: readonly string[];
  /** The value of a column that a row leaves out, although another row or {@link columns} has it. @default 'default' */
  missing?: 'default' | 'null';
  /** Upsert: columns of a unique constraint, by which existing rows are found. @default the target's key */
  onConflict?: readonly string[];
  /** Upsert of an existing row: `merge` updates the given columns, `ignore` leaves the row unchanged. @default 'merge' */
  resolution?: 'merge' | 'ignore';
  /** The detail of the outcome contains the rows after the write. @default false */
  returning?: boolean;
  /** Name of the client that owns keys, outcomes and quotas. @default '' */
  client?: string;
  idempotencyKey?: string | null;
  /** Seconds that the write may wait for parent rows that no client has submitted yet. @default null: no wait */
  waitForReferencesSeconds?: number | null;
  traceparent?: string | undefined;
}
