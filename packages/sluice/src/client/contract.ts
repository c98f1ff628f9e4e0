/**
 * The interface for an API node, or a program that embeds Sluice: submit a write and await its outcome, read
 * documents, read the state of a write. The mode makes no difference to the answers. create-client.ts implements it.
 */
import type { Mode, Operation, Outcome } from '#protocol';
import type { Model, Resource } from '#model';
import type { RowRequest, TableCatalog } from '#targets';
import type { ClientUsage } from './observer.ts';

export interface WriteRequest {
  operation: Operation;
  resource: Resource;
  /** The document as JSON text; of an API node, the text that its client sent, without `id`. Null for a delete. */
  body: string | null;
  /** The same, parsed; if missing, the client parses `body`. Must equal `body`. */
  document?: unknown;
  /** Id of the document, for an update and a delete. */
  documentId?: string;
  /** Content hash that the document must have; `*`: the document must exist. */
  ifMatch?: string | null;
  /** Name of the client that owns keys, outcomes and quotas. @default '' */
  client?: string;
  idempotencyKey?: string | null;
  /** Seconds that the write may wait for references that no client has submitted yet. @default null: not at all */
  waitForReferencesSeconds?: number | null;
  /** W3C trace context of the caller's span, if that is not the active span of this process. A malformed one is ignored. */
  traceparent?: string | undefined;
}

export interface SubmitOptions {
  /** Longest wait in milliseconds; then the write is cancelled, or has its outcome. @default the client's `waitMs` */
  waitMs?: number | undefined;
  /** An abort ends the wait like the end of its time. */
  signal?: AbortSignal | undefined;
}

export interface EnlistOptions {
  /**
   * Milliseconds after which the server ends the caller's session, if the transaction is still open; 0: never.
   * PostgreSQL 15 and 16 end only an idle session. A shorter limit of the session stays.
   * @default 20000
   */
  transactionMs?: number | undefined;
}

/** Runs a statement on a connection of the caller's. */
export type RunOnCaller = (text: string, values: unknown[]) => Promise<unknown>;

export interface AcceptedWrite {
  writeId: string;
}

export interface StoredDocument {
  documentId: string;
  /** JSON text, as PostgreSQL writes it. */
  body: string;
  contentHash: string;
  version: number;
  /** ISO 8601. */
  createdAt: string;
  modifiedAt: string;
}

/** A document or write that a blocked write awaits, and since when. */
export interface AwaitedState {
  /** ReferentialId of the document, or id of the earlier write that blocks this one. */
  awaitedId: string;
  /** ISO 8601. */
  since: string;
  /** `reference`: a document that the write refers to; `predecessor`: an earlier write to the same document. */
  kind: 'reference' | 'predecessor';
  /** Of a reference: name of the resource, and path in the body. */
  resource?: string;
  path?: string;
  /** A write that would provide it is in the intake. False: none was submitted, or it was just settled. */
  isPending: boolean;
}

export interface WriteState {
  writeId: string;
  /** `ready`: not settled yet; `blocked`: waits for a reference or an earlier write; `settled`: see {@link outcome}. */
  state: 'ready' | 'blocked' | 'settled';
  resource: string;
  outcome: Outcome | null;
  /** Sorted by `since`, the first 200; empty unless `blocked`. */
  awaits: AwaitedState[];
  acceptedAt: string | null;
  blockedAt: string | null;
  settledAt: string | null;
}

/** Which documents of a resource a list shows. */
export interface DocumentFilter {
  /** A document must contain one of these parts (`jsonb` containment). */
  contains: object[];
  /** Values that are compared without case; `value` is already folded (`foldCase` of the model). */
  folded: { path: readonly string[]; value: string }[];
  /** ReferentialIds that a document must refer to, or be known by; they make a search fast. Each only once. */
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

/** Documents of a list, up to the size of a page. */
export interface DocumentPage {
  documents: StoredDocument[];
  /** Ids of documents that do not fit into the page; `readDocuments` reads them. Usually empty. */
  rest: readonly string[];
}

export interface ReadOptions {
  /**
   * Is called and awaited before more than a mebibyte of documents is read. If it rejects, the read rejects with the
   * same error. @default none
   */
  admit?: (bytes: number) => Promise<void>;
}

/** Most writes in one call of `readWrites`. */
export const writesAskedMax = 1_000;

export interface ClientStatus {
  mode: Mode;
  isStarted: boolean;
  /** The database answers. */
  isDatabaseReachable: boolean;
  /** Why the database takes no writes of this node, to end a sentence; null: it takes them, as far as the node knows. */
  writesRefused: string | null;
  /** Hints arrive; false: the node polls. */
  isListening: boolean;
  /** Writes whose outcome this node waits for. */
  waiting: number;
  /** `coordinated`: lanes without a leader for longer than a hand-over takes. */
  lanesWithoutLeader: number[];
  /** `coordinated`: lanes that take no more writes, because too many wait. */
  lanesOverloaded: number[];
}

/** A target other than documents, as this client knows it. */
export interface ClientTarget {
  /** `public.orders`, `app.count_views`, or the name of a handler. */
  readonly name: string;
  readonly kind: 'table' | 'function' | 'handler';
  /** Catalog of a table; null for functions and handlers. */
  readonly catalog: TableCatalog | null;
  /** JSON paths of the key in the body of a function or handler; empty for a table, whose key is in the catalog. */
  readonly keyPaths: readonly string[];
}

export interface SluiceClient {
  readonly model: Model;
  start(): Promise<void>;
  /** Takes no new writes, waits for those under way, and closes its connections. May be called twice. */
  stop(): Promise<void>;
  /**
   * Submits one write and waits for its outcome. Refusals are outcomes, not exceptions.
   * @throws {SluiceError} `invalid_json`, `invalid_document` (the write was not accepted), `overloaded`, `lane_without_leader`, `stopping`,
   *   `database_unavailable`, `outcome_unknown` (ask again with the same idempotency key)
   */
  submit(request: WriteRequest, options?: SubmitOptions): Promise<Outcome>;
  /** Submits one write and returns when it is durable in the intake; `readWrite` returns its outcome. */
  accept(request: WriteRequest): Promise<AcceptedWrite>;
  /** The targets other than documents, by name; empty before `start` has resolved. */
  targets(): readonly ClientTarget[];
  /**
   * Submits one write to a table, a function or a handler, and waits for its outcome.
   * @throws {SluiceError} as {@link submit}; `endpoint_not_found` for an unknown target; `invalid_document` names the columns, in
   *   `detail.errors`: `{ path, message }`
   */
  submitRow(request: RowRequest, options?: SubmitOptions): Promise<Outcome>;
  /** The same, but returns when the write is durable in the intake. */
  acceptRow(request: RowRequest): Promise<AcceptedWrite>;
  /**
   * @returns null if there is no such document
   * @throws {SluiceError} `document_too_large`, with its `bytes` in `detail`
   */
  readDocument(resource: Resource, documentId: string, options?: ReadOptions): Promise<StoredDocument | null>;
  /**
   * A page with at least one document, and as many as fit (see {@link DocumentPage}).
   * @throws {SluiceError} `document_too_large` if the first document is too large, with its `documentId` in `detail`
   */
  listDocuments(resource: Resource, page: Page, options?: ReadOptions): Promise<DocumentPage>;
  /** The same for documents by id; unknown ids are left out. */
  readDocuments(documentIds: readonly string[], options?: ReadOptions): Promise<DocumentPage>;
  countDocuments(resource: Resource, filter?: DocumentFilter): Promise<number>;
  /** The state of a write of this client; null: unknown id, or a write of another client. */
  readWrite(client: string, writeId: string): Promise<WriteState | null>;
  /**
   * The same for many writes, in any order; unknown ids are left out.
   * @throws {SluiceError} `invalid_request` for more than {@link writesAskedMax}
   */
  readWrites(client: string, writeIds: readonly string[]): Promise<WriteState[]>;
  status(): Promise<ClientStatus>;
  usage(): ClientUsage;
}

/** A client that can also add writes to transactions of its caller. */
export interface EnlistingClient extends SluiceClient {
  /**
   * Adds one write to the intake, by a statement on the caller's connection inside the caller's transaction. The
   * write counts, and the writers are woken, when the transaction commits. Only in `coordinated` mode.
   */
  enlist(request: WriteRequest, run: RunOnCaller, options?: EnlistOptions): Promise<AcceptedWrite>;
  /** The same for a write to a table, a function or a handler. */
  enlistRow(request: RowRequest, run: RunOnCaller, options?: EnlistOptions): Promise<AcceptedWrite>;
  /**
   * Waits for the outcome of a write of this client that was enlisted and committed. The end of the wait does not
   * cancel the write.
   * @throws {SluiceError} `outcome_unknown` if the write still waits then; `write_not_found` if it does not exist,
   *   because its transaction was rolled back or is not committed
   */
  join(writeId: string, options?: SubmitOptions & { client?: string }): Promise<Outcome>;
}
