/** The interface for a program that embeds Sluice: documents in, typed answers out. */
import type { ParsedOutcome, Result } from '#protocol';
import type { Model } from '#model';
import type {
  Called,
  CallTarget,
  RowRefusal,
  RowWritten,
  SubmittedCall,
  SubmittedRow,
  Table,
} from './row-contract.ts';
import type { WriteOptions } from './write-options.ts';
import type { ClientStatus, StoredDocument, WriteState } from '#client';

/** The type of the documents of each endpoint, from generics or {@link DocumentSchemas}. */
export type DocumentTypes = Record<string, object>;

/** The used part of the Standard Schema (https://standardschema.dev), which zod, valibot and arktype implement. */
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

/** A connection of the caller: a `pg.Client`, or one that was taken from a pool. */
export interface Queryable {
  query(query: { text: string; values: unknown[] }): Promise<unknown>;
}

/** The write that {@link Client.submit} takes. */
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
  /** A connection inside a transaction of the caller. Its role needs the rights of a node (`sluice_api`). */
  client: Queryable;
  /**
   * Milliseconds that the transaction may stay open after this call. Then the server ends the session, and nothing is
   * applied, because an open transaction with a write in the intake slows all writers. A shorter limit of the session
   * stays. 0: no limit. PostgreSQL 15 and 16 end only an idle transaction.
   * @default 20000
   */
  transactionMs?: number;
}

/** The options for a row, without `ifMatch`. */
export interface SubmitRowOptions extends Omit<SubmitOptions, 'ifMatch'> {
  /** The answer contains the rows. @default false */
  returning?: boolean;
}

/** A write that is in the intake once the caller's transaction is committed. */
export interface Submitted<Answer = Written> {
  writeId: string;
  /**
   * Waits for the answer. Call it after the commit.
   * @throws {SluiceError} as `upsert` does; `write_not_found` if the transaction was rolled back, or is not committed
   *   at the end of the wait; `outcome_unknown` if the write still waits then, because it is not cancelled
   */
  answer(options?: Pick<WriteOptions, 'signal' | 'waitMs'>): Promise<Answer>;
}

/** A write that took effect, or whose effect already existed (`unchanged`). It is durable. */
export interface Written {
  /** Id of the document. */
  id: string;
  result: Exclude<Result, 'refused' | 'not_applied'>;
  /** Number of writes applied to the document so far. */
  version: number;
  /** Changes with the document; pass it as `ifMatch`. Null after a delete. */
  etag: string | null;
  writeId: string;
}

/** A write that changed nothing, and never will. */
export interface Refusal extends RowRefusal {
  /** Id of the document. */
  id: string | null;
}

/** The state of a write, and its outcome with parsed rows and answers. */
export interface ReadWrite extends Omit<WriteState, 'outcome'> {
  outcome: ParsedOutcome | null;
}

/** The row type of a table's schema. */
type RowOf<D extends DocumentTypes, N extends string> = N extends keyof D
  ? D[N]
  : `public.${N}` extends keyof D
    ? D[`public.${N}`]
    : Record<string, unknown>;

type EndpointOf<D> = keyof D & string;

/**
 * Endpoints are those of the model, e.g. `shop/orders`.
 *
 * Each write method throws a `SluiceError`. For a refused write it has the code, `status` and `detail` of the
 * refusal. `invalid_document` and `invalid_request` describe a wrong call. `cancelled` means that nothing was applied
 * in time. `overloaded`, `lane_without_leader`, `database_unavailable` and `stopping` mean that nothing was applied,
 * and why. After `outcome_unknown`, repeat the call with the same idempotency key to learn the outcome.
 */
export interface Client<D extends DocumentTypes = DocumentTypes> extends AsyncDisposable {
  readonly model: Model;
  /** Creates the document of this identity, or replaces the existing one. */
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
  /** The document, or null. Numbers beyond 2^53 lose digits, as in any `JSON.parse`; {@link getText} keeps them. */
  get<T extends object = never, E extends EndpointOf<D> = EndpointOf<D>>(
    endpoint: E,
    id: string,
  ): Promise<([T] extends [never] ? D[E] : T) | null>;
  /** The document as JSON text, with id, etag, version and times; or null. */
  getText(endpoint: EndpointOf<D>, id: string): Promise<StoredDocument | null>;
  /** The same as `upsert`, for a document as JSON text, which is stored unchanged. */
  upsertText(
    endpoint: EndpointOf<D>,
    text: string,
    options: WriteOptions & { throwOnRefusal: false },
  ): Promise<Written | Refusal>;
  upsertText(endpoint: EndpointOf<D>, text: string, options?: WriteOptions): Promise<Written>;
  /**
   * Adds a write to the intake inside a transaction of the caller (an outbox). It counts, and the writers are woken,
   * if the transaction commits. The commit decides its place in the order.
   */
  submit(write: SubmittedWrite<D>, options: SubmitOptions): Promise<Submitted>;
  submit(write: SubmittedRow, options: SubmitRowOptions): Promise<Submitted<RowWritten<object>>>;
  submit(write: SubmittedCall, options: SubmitRowOptions): Promise<Submitted<Called>>;
  /**
   * A table of `targets`; the schema `public` may be left out. The row type is the generic, or that of the schema.
   * @throws {SluiceError} `endpoint_not_found`
   */
  table<Row extends object = never, const N extends string = string>(
    name: N,
  ): Table<[Row] extends [never] ? RowOf<D, N> : Row>;
  /** A function or a handler of `targets`. @throws {SluiceError} `endpoint_not_found` */
  target(name: string): CallTarget;
  /**
   * The state of a write of this caller; null: unknown id, or its outcome was deleted by retention.
   * @throws {SluiceError} `invalid_request` for a `writeId` that is no UUID; `stopping` after {@link stop}
   */
  readWrite(writeId: string, client?: string): Promise<ReadWrite | null>;
  status(): Promise<ClientStatus>;
  /** Takes no new writes, waits for those under way, and closes its connections. May be called twice. */
  stop(): Promise<void>;
}
