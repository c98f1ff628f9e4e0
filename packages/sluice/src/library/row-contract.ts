/** Tables, functions and handlers, as a program uses them: rows in, typed answers out. */
import type { OutcomeCode, ParsedDetail, Result } from '#protocol';
import type { WriteOptions } from './write-options.ts';

/** Options of every write to a row. */
export interface RowOptions extends Omit<WriteOptions, 'ifMatch'> {
  /** The answer contains the rows after the write. @default false */
  returning?: boolean;
}

/** Options of an insert and an upsert. */
export interface NewRowOptions extends RowOptions {
  /** Only these columns are written; others in the rows are ignored. @default the columns of the rows */
  columns?: readonly string[];
  /** The value of a column that a row leaves out, although another row has it or {@link columns} names it. @default 'default' */
  missing?: 'default' | 'null';
}

export interface UpsertRowOptions extends NewRowOptions {
  /** Columns of a unique constraint, by which an existing row is found. @default the key of the target */
  onConflict?: readonly string[];
  /** `merge` updates the given columns of an existing row; `ignore` leaves the row unchanged. @default 'merge' */
  resolution?: 'merge' | 'ignore';
}

/** A write that took effect, or whose effect already existed (`unchanged`). It is durable. */
export interface RowWritten<Row> {
  /** For several rows: `created` if one was created. */
  result: Exclude<Result, 'refused' | 'not_applied'>;
  /** For one row: the values of its key, also if the database gave them. Null for several rows. */
  key: Partial<Row> | null;
  /**
   * With `returning`: the rows as they are after the write. Numbers that JavaScript would round are strings, as are values
   * of `bigint` and `numeric` with more than 15 characters.
   */
  rows: Row[] | null;
  writeId: string;
}

/** A write that changed nothing, and never will. */
export interface RowRefusal {
  result: 'refused' | 'not_applied';
  code: OutcomeCode;
  /** HTTP status of the code. */
  status: number;
  message: string;
  /** `database`: SQLSTATE, constraint and column of PostgreSQL's refusal. */
  detail: ParsedDetail | null;
  /** Null: refused before there was a write. */
  writeId: string | null;
}

/** These options and no others, so the compiler reports a misspelled one. */
type Only<O, Known> = O & { [K in Exclude<keyof O, keyof Known>]: never };

/** The type of the answer that follows from the options. */
export type RowAnswer<Row, O> =
  | (O extends { returning: true } ? RowWritten<Row> & { rows: Row[] } : RowWritten<Row>)
  | (O extends { throwOnRefusal: false } ? RowRefusal : never);

/**
 * Writes rows of one table. Values are sent as JSON: a `bigint` as a number, a `Date` in the form of ISO 8601, a
 * `Uint8Array` as the text of a `bytea`. A column that is missing or `undefined` gets its default.
 *
 * Each method throws a `SluiceError`. `invalid_document` names the columns in `detail.errors`. `row_exists`,
 * `row_not_found`, `row_referenced`, `row_invalid` and `unresolved_reference` have SQLSTATE, constraint and column in
 * `detail.database`. For other codes see {@link Client}.
 */
export interface Table<Row extends object> {
  /** Full name of the table, e.g. `public.orders`. */
  readonly name: string;
  /** Inserts one row, or several as one write: all of them, or none. */
  insert<const O extends NewRowOptions>(
    row: Row | readonly Row[],
    options?: Only<O, NewRowOptions>,
  ): Promise<RowAnswer<Row, O>>;
  /** Inserts rows, or updates those that have the same key. */
  upsert<const O extends UpsertRowOptions>(
    row: Row | readonly Row[],
    options?: Only<O, UpsertRowOptions>,
  ): Promise<RowAnswer<Row, O>>;
  /** Changes some columns of the row with this key. */
  update<const O extends RowOptions>(
    key: Partial<Row>,
    changes: Partial<Row>,
    options?: Only<O, RowOptions>,
  ): Promise<RowAnswer<Row, O>>;
  delete<const O extends RowOptions>(
    key: Partial<Row>,
    options?: Only<O, RowOptions>,
  ): Promise<RowAnswer<Row, O>>;
}

export type CallOptions = Omit<RowOptions, 'returning'>;

/** A call of a function or handler that took effect. */
export interface Called {
  result: Exclude<Result, 'refused' | 'not_applied'>;
  /** The answer of the function or handler; null: none. Numbers that JavaScript would round are strings. */
  answer: unknown;
  writeId: string;
}

/** A function or a handler. */
export interface CallTarget {
  readonly name: string;
  /**
   * @param body Any JSON value; the values at the paths of the key decide the order.
   * @throws {SluiceError} `target_refused` with the target's own text in `detail.answer`; others as {@link Table}
   */
  submit<const O extends CallOptions>(
    body: unknown,
    options?: Only<O, CallOptions>,
  ): Promise<Called | (O extends { throwOnRefusal: false } ? RowRefusal : never)>;
}

/** The write to a table that `submit` takes. */
export type SubmittedRow =
  | ({ table: string; operation?: 'insert'; row: object } & Pick<NewRowOptions, 'columns' | 'missing'>)
  | ({ table: string; operation: 'upsert'; row: object } & Pick<
      UpsertRowOptions,
      'columns' | 'missing' | 'onConflict' | 'resolution'
    >)
  | { table: string; operation: 'update'; key: object; changes: object }
  | { table: string; operation: 'delete'; key: object };

/** The call of a function or a handler that `submit` takes. */
export interface SubmittedCall {
  target: string;
  body: unknown;
}
