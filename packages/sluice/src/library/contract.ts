/** What a program that embeds Sluice sees: documents in, typed answers out. */
import type { OutcomeCode, OutcomeDetail, Result } from '#protocol';
import type { Model } from '#model';
import type { Called, CallTarget, RowWritten, SubmittedCall, SubmittedRow, Table } from './row-contract.ts';
import type { WriteOptions } from './write-options.ts';
import type { ClientStatus, StoredDocument, WriteState } from '#client';

/** The type of the documents of each endpoint, by generics or by {@link DocumentSchemas}. */
export type DocumentTypes = Record<string, object>;

/** The part of the Standard Schema (https://standardschema.dev) that is used: zod, valibot and arktype have it. */
export interface StandardSchema<T = unknown> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<T> | Promise<SchemaResult<T>>;
    readonly types?: { readonly input: unknown; readonly output: T } | undefined;
  };
}

type SchemaResult<T> =
  { readonly value: T; readonly issues?: undefined } | { readonly issues: readonly SchemaIssue[] };

export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** A connection of the caller's: a `pg.Client`, or one that was taken from a pool. */
export interface Queryable {
  query(query: { text: string; values: unknown[] }): Promise<unknown>;
}

/** What {@link Client.submit} takes. */
export type SubmittedWrite<D extends DocumentTypes> = {
  [E in keyof D & string]:
    | { operation?: 'upsert'; endpoint: E; document: D[E] }
    | { operation: 'update'; endpoint: E; id: string; document: D[E] }
    | { operation: 'delete'; endpoint: E; id: string };
}[keyof D & string];

export interface SubmitOptions extends Pick<
  WriteOptions,
  'idempotencyKey' | 'ifMatch' | 'waitForReferencesSeconds'
> {
  /** Connected, and inside a transaction of the caller's. Its role needs the rights of a node (`sluice_api`). */
  client: Queryable;
  /**
   * How long the transaction may stay open after this call. Then the server ends the session, and nothing is applied: an open
   * transaction that wrote to the intake slows all writers. A shorter limit of the session stays. 0: no limit. PostgreSQL 15 and 16
   * end only a transaction that is idle.
   * @default 20000
   */
  transactionMs?: number;
}

/** Those of a row; there is no `ifMatch`. */
export interface SubmitRowOptions extends Omit<SubmitOptions, 'ifMatch'> {
  /** The answer has the rows. @default false */
  returning?: boolean;
}

/** A write in the intake, as far as the caller's transaction is committed. */
export interface Submitted<Answer = Written> {
  writeId: string;
  /**
   * Waits for the answer: to be called after the commit.
   * @throws {SluiceError} as `upsert` does; `write_not_found` if the transaction was rolled back, or is not committed at the end of the
   *   wait; `outcome_unknown` if the write is still waiting then, because it is not cancelled
   */
  answer(options?: Pick<WriteOptions, 'signal' | 'waitMs'>): Promise<Answer>;
}

/** A write that took effect, or whose effect was there already (`unchanged`). It is durable. */
export interface Written {
  /** Of the document. */
  id: string;
  result: Exclude<Result, 'refused' | 'not_applied'>;
  /** Number of writes applied to the document so far. */
  version: number;
  /** Changes with the document; for `ifMatch`. Null once it is deleted. */
  etag: string | null;
  writeId: string;
}

/** A write that changed nothing, and never will. */
export interface Refusal {
  id: string | null;
  result: 'refused' | 'not_applied';
  code: OutcomeCode;
  /** HTTP status of the code. */
  status: number;
  message: string;
  detail: OutcomeDetail | null;
  /** Null: refused before there was a write. */
  writeId: string | null;
}

/** What the schema of a table says of its rows. */
type RowOf<D extends DocumentTypes, N extends string> = N extends keyof D
  ? D[N]
  : `public.${N}` extends keyof D
    ? D[`public.${N}`]
    : Record<string, unknown>;

type EndpointOf<D> = keyof D & string;

/**
 * Endpoints are those of the model: `shop/orders`.
 *
 * Each write method throws a `SluiceError`. For a refused write it has the code, `status` and `detail` of the refusal; else
 * `invalid_document` and `invalid_request` say what is wrong with the call, `cancelled` that nothing was applied in time, and
 * `overloaded`, `lane_without_leader`, `database_unavailable`, `stopping` that nothing was applied and why; after
 * `outcome_unknown`, the same idempotency key tells the truth.
 */
export interface Client<D extends DocumentTypes = DocumentTypes> extends AsyncDisposable {
  readonly model: Model;
  /** Creates the document of this identity, or replaces it. */
  upsert<E extends EndpointOf<D>>(
    endpoint: E,
    document: D[E],
    options: WriteOptions & { throwOnRefusal: false },
  ): Promise<Written | Refusal>;
  upsert<E extends EndpointOf<D>>(endpoint: E, document: D[E], options?: WriteOptions): Promise<Written>;
  /** Replaces the document of this id. */
  update<E extends EndpointOf<D>>(
    endpoint: E,
    id: string,
    document: D[E],
    options: WriteOptions & { throwOnRefusal: false },
  ): Promise<Written | Refusal>;
  update<E extends EndpointOf<D>>(
    endpoint: E,
    id: string,
    document: D[E],
    options?: WriteOptions,
  ): Promise<Written>;
  delete(
    endpoint: EndpointOf<D>,
    id: string,
    options: WriteOptions & { throwOnRefusal: false },
  ): Promise<Written | Refusal>;
  delete(endpoint: EndpointOf<D>, id: string, options?: WriteOptions): Promise<Written>;
  /** The document, or null. Numbers beyond 2^53 lose digits, as in any `JSON.parse`: {@link getText} keeps them. */
  get<T extends object = never, E extends EndpointOf<D> = EndpointOf<D>>(
    endpoint: E,
    id: string,
  ): Promise<([T] extends [never] ? D[E] : T) | null>;
  /** The document as JSON text, with id, etag, version and times; or null. */
  getText(endpoint: EndpointOf<D>, id: string): Promise<StoredDocument | null>;
  /** The same as `upsert`, of a document that is JSON text, which is stored as it stands. */
  upsertText(
    endpoint: EndpointOf<D>,
    text: string,
    options: WriteOptions & { throwOnRefusal: false },
  ): Promise<Written | Refusal>;
  upsertText(endpoint: EndpointOf<D>, text: string, options?: WriteOptions): Promise<Written>;
  /**
   * Puts a write into the intake inside a transaction of the caller's (an outbox): it counts if that commits, and the writers
   * are woken then. Its place in the order is that of the moment when it can be seen: at the commit.
   */
  submit(write: SubmittedWrite<D>, options: SubmitOptions): Promise<Submitted>;
  submit(write: SubmittedRow, options: SubmitRowOptions): Promise<Submitted<RowWritten<object>>>;
  submit(write: SubmittedCall, options: SubmitRowOptions): Promise<Submitted<Called>>;
  /**
   * Rows of a table that `targets` names; the schema `public` may be left out. Their type is the generic, or that of the schema.
   * @throws {SluiceError} `endpoint_not_found`
   */
  table<Row extends object = never, const N extends string = string>(
    name: N,
  ): Table<[Row] extends [never] ? RowOf<D, N> : Row>;
  /** A function or a handler that `targets` names. @throws {SluiceError} `endpoint_not_found` */
  target(name: string): CallTarget;
  /** What became of a write of this caller; null: there is none of this id, or its outcome is no longer kept. */
  readWrite(writeId: string, client?: string): Promise<WriteState | null>;
  status(): Promise<ClientStatus>;
  /** Takes no new writes, waits for those under way, and closes its connections. Tolerates being called twice. */
  stop(): Promise<void>;
}
