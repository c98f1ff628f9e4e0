/**
 * What an API node, or anybody who embeds Sluice, sees: submit a write and await its outcome, read documents, ask for
 * a write. The mode behind it makes no difference to the answers.
 */
import type { Mode, Operation, Outcome } from '#protocol';
import type { Model, Resource } from '#model';
import type { RowRequest, TableCatalog } from '#targets';
import type { ClientUsage } from './observer.ts';

export interface WriteRequest {
  operation: Operation;
  resource: Resource;
  /** The document as JSON text, as the client sent it; null for a delete. */
  body: string | null;
  /** The same, parsed; left out, it is parsed here. Must say what `body` says. */
  document?: unknown;
  /** Update and delete: the document meant. */
  documentId?: string;
  /** Content hash that the document must have; `*` asks only that it exists. */
  ifMatch?: string | null;
  /** Name of the client, to which keys, outcomes and quotas belong. @default '' */
  client?: string;
  idempotencyKey?: string | null;
  /** Seconds that the write may wait for references that no client has submitted yet. @default null: not at all */
  waitForReferencesSeconds?: number | null;
  /** W3C: the caller's span, where it is not the active one of this process. What is not of the form is ignored. */
  traceparent?: string | undefined;
}

export interface SubmitOptions {
  /** Wait at most this long; then the write is cancelled, or has its outcome. @default the client's `waitMs` */
  waitMs?: number;
  /** Aborted, the wait ends as if its time were up. */
  signal?: AbortSignal;
}

export interface EnlistOptions {
  /**
   * After so long the server ends the caller's session, if the transaction is still open; 0: never. PostgreSQL 15 and 16 end only
   * one that is idle. A shorter limit of the session stays.
   * @default 20000
   */
  transactionMs?: number;
}

/** Runs a statement on a connection of the caller's. */
export type RunOnCaller = (text: string, values: unknown[]) => Promise<unknown>;

export interface AcceptedWrite {
  writeId: string;
}

export interface StoredDocument {
  documentId: string;
  /** JSON text, as PostgreSQL gives it. */
  body: string;
  contentHash: string;
  version: number;
  /** ISO 8601. */
  createdAt: string;
  modifiedAt: string;
}

/** What a blocked write awaits, and since when. */
export interface AwaitedState {
  /** ReferentialId of the document referred to, or the id of the earlier write that blocks it. */
  awaitedId: string;
  /** ISO 8601. */
  since: string;
  /** `reference`: a document referred to; `predecessor`: a write that comes before, in the order of one document. */
  kind: 'reference' | 'predecessor';
  /** Of a reference: name of the resource and place in the body. */
  resource?: string;
  path?: string;
  /** A write that would provide it is on its way. False: nobody has submitted it, or it was just settled. */
  isPending: boolean;
}

export interface WriteState {
  writeId: string;
  /** `ready`: waiting its turn; `blocked`: waiting for a reference; `settled`: {@link outcome} tells. */
  state: 'ready' | 'blocked' | 'settled';
  resource: string;
  outcome: Outcome | null;
  /** In the order since when, the first 200; empty unless `blocked`. */
  awaits: AwaitedState[];
  acceptedAt: string | null;
  blockedAt: string | null;
  settledAt: string | null;
}

/** Which documents of a resource a list shows. */
export interface DocumentFilter {
  /** Parts, one of which a document must contain as it stands (`jsonb` containment). */
  contains: object[];
  /** Values that are compared without case; `value` is folded (`foldCase` of the model). */
  folded: { path: readonly string[]; value: string }[];
  /** ReferentialIds that a document must refer to or be known by: what makes a search fast. Each only once. */
  referentialIds: string[];
}

export interface Page {
  /** @default 25 */
  limit: number;
  /** @default 0 */
  offset: number;
  /** @default all documents of the resource */
  filter?: DocumentFilter | undefined;
}

/** Documents of a list, as far as they were read. */
export interface DocumentPage {
  documents: StoredDocument[];
  /** Ids of those that the page has no room for, because it would be too large: `readDocuments` goes on. Empty for most. */
  rest: readonly string[];
}

export interface ReadOptions {
  /**
   * Is asked before more than a mebibyte of documents is brought into memory, and waited for. What it throws, the read
   * throws. @default none
   */
  admit?: (bytes: number) => Promise<void>;
}

/** Writes that can be asked for at once. */
export const writesAskedMax = 1_000;

export interface ClientStatus {
  mode: Mode;
  isStarted: boolean;
  /** The database answers. */
  isDatabaseReachable: boolean;
  /** Why the database takes no writes of this node, to end a sentence; null: it takes them, as far as is known. */
  writesRefused: string | null;
  /** Hints arrive; false: everything goes by polling. */
  isListening: boolean;
  /** Writes for whose outcome this node waits. */
  waiting: number;
  /** `coordinated`: lanes that have had no leader for longer than a hand-over takes. */
  lanesWithoutLeader: number[];
  /** `coordinated`: lanes that take no more writes, as too many wait. */
  lanesOverloaded: number[];
}

/** A target beside documents, as this client knows it. */
export interface ClientTarget {
  /** `public.orders`, `app.count_views`, or the name of a handler. */
  readonly name: string;
  readonly kind: 'table' | 'function' | 'handler';
  /** Of a table; null for the other kinds. */
  readonly catalog: TableCatalog | null;
  /** JSON paths of the key in the body of a function or handler; empty for a table, whose catalog has the key. */
  readonly keyPaths: readonly string[];
}

export interface SluiceClient {
  readonly model: Model;
  start(): Promise<void>;
  /** Takes no new writes, waits for those under way, and closes its connections. Tolerates being called twice. */
  stop(): Promise<void>;
  /**
   * Submits one write and waits for its outcome. Refusals are outcomes, not exceptions.
   * @throws {SluiceError} `invalid_json`, `invalid_document` (the write was not accepted), `overloaded`, `lane_without_leader`, `stopping`,
   *   `database_unavailable`, `outcome_unknown` (ask again with the same idempotency key)
   */
  submit(request: WriteRequest, options?: SubmitOptions): Promise<Outcome>;
  /** Submits one write and returns once it is durable in the intake: its outcome is asked for by `readWrite`. */
  accept(request: WriteRequest): Promise<AcceptedWrite>;
  /** The targets beside documents, by name; empty before `start` has resolved. */
  targets(): readonly ClientTarget[];
  /**
   * Submits one write to a table, a function or a handler, and waits for its outcome.
   * @throws {SluiceError} as {@link submit}; `endpoint_not_found` for an unknown target; `invalid_document` names the columns, in
   *   `detail.errors`: `{ path, message }`
   */
  submitRow(request: RowRequest, options?: SubmitOptions): Promise<Outcome>;
  /** The same, but returns once the write is durable in the intake. */
  acceptRow(request: RowRequest): Promise<AcceptedWrite>;
  /** @throws {SluiceError} `document_too_large`, with its `bytes` in `detail` */
  readDocument(resource: Resource, documentId: string, options?: ReadOptions): Promise<StoredDocument | null>;
  /**
   * A page, at least one document of it, and as many as {@link DocumentPage} has room for.
   * @throws {SluiceError} `document_too_large` if the page begins with such a one, with its `documentId` in `detail`
   */
  listDocuments(resource: Resource, page: Page, options?: ReadOptions): Promise<DocumentPage>;
  /** The same of documents by their ids; those that are gone are left out. */
  readDocuments(documentIds: readonly string[], options?: ReadOptions): Promise<DocumentPage>;
  countDocuments(resource: Resource, filter?: DocumentFilter): Promise<number>;
  /** A write of this client, or null: writes of others are not there. */
  readWrite(client: string, writeId: string): Promise<WriteState | null>;
  /**
   * The same for many at once, in any order; those that are not there are left out.
   * @throws {SluiceError} `invalid_request` for more than {@link writesAskedMax}
   */
  readWrites(client: string, writeIds: readonly string[]): Promise<WriteState[]>;
  status(): Promise<ClientStatus>;
  usage(): ClientUsage;
}

/** A client that can also put writes into transactions of its caller. */
export interface EnlistingClient extends SluiceClient {
  /**
   * Puts one write into the intake by a statement on a connection of the caller's, inside the caller's transaction: it counts
   * once that is committed, and the writers are woken then. Only `coordinated`.
   */
  enlist(request: WriteRequest, run: RunOnCaller, options?: EnlistOptions): Promise<AcceptedWrite>;
  /** The same of a write to a table, a function or a handler. */
  enlistRow(request: RowRequest, run: RunOnCaller, options?: EnlistOptions): Promise<AcceptedWrite>;
  /**
   * Waits for the outcome of a write of this client that was enlisted and committed. It is not cancelled at the end of the wait.
   * @throws {SluiceError} `outcome_unknown` if it still waits then; `write_not_found` if it is not there: its transaction was rolled back,
   *   or is not committed
   */
  join(writeId: string, options?: SubmitOptions & { client?: string }): Promise<Outcome>;
}
