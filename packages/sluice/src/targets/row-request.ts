/** What a client submits to a table, a function or a handler. */
import type { RowOperation } from '#protocol';

export interface RowRequest {
  /** Name of the target; the schema `public` may be left out. */
  target: string;
  /** Functions and handlers take `insert`. */
  operation: RowOperation;
  /**
   * Insert and upsert: a row as JSON text, or an array of rows, which is one write: all of them are applied, or none. Update: the
   * columns to change. Delete: null.
   */
  body: string | null;
  /** The same, parsed; left out, it is parsed here. */
  parsed?: unknown;
  /** Update and delete: the values of the key's columns. */
  key?: Readonly<Record<string, unknown>>;
  /** Only these columns of the rows are written; others in the rows are ignored. @default the columns that the rows have */
  columns?: readonly string[];
  /** What a column gets that a row leaves out, while another row or {@link columns} has it. @default 'default' */
  missing?: 'default' | 'null';
  /** Upsert: columns of the unique constraint whose rows are met. @default the target's key */
  onConflict?: readonly string[];
  /** Upsert of a row that exists: `merge` updates the given columns, `ignore` leaves the row. @default 'merge' */
  resolution?: 'merge' | 'ignore';
  /** The outcome's detail has the rows as they are after the write. @default false */
  returning?: boolean;
  /** Name of the client, to which keys, outcomes and quotas belong. @default '' */
  client?: string;
  idempotencyKey?: string | null;
  /** Seconds that the write may wait for parent rows that no client has submitted yet. @default null: not at all */
  waitForReferencesSeconds?: number | null;
  traceparent?: string | undefined;
}
