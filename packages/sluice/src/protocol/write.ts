/**
 * The shapes of a write and of its outcome: what a node accepts, what the intake keeps, what a batch settles.
 * Ids are UUID strings in lower case; times are ISO 8601 strings by the database's clock.
 */

/** What a client submits of one document. */
export const operations = ['upsert', 'update', 'delete'] as const;
export type Operation = (typeof operations)[number];

/** What a write may do: rows of tables are also inserted. */
export const rowOperations = ['insert', ...operations] as const;
export type RowOperation = (typeof rowOperations)[number];

/** Whether a write names what it changes, so that the same request twice names it twice. */
export function namesItsTarget(operation: RowOperation): boolean {
  return operation === 'update' || operation === 'delete';
}

const uuid = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** Whether anything can have this as its id: any UUID that PostgreSQL takes, of whatever version. */
export function isId(text: string): boolean {
  return uuid.test(text);
}

/** How a write ended. Only `refused` and `not_applied` carry a code. */
export type Result = 'created' | 'updated' | 'unchanged' | 'deleted' | 'refused' | 'not_applied';

/**
 * All that a plan may know of a write: no body (bodies move inside the database).
 *
 * `position` is the order of arrival, given by the database; in `direct` and `local` mode, behind what the intake holds.
 */
export interface WriteHeader {
  writeId: string;
  lane: number;
  position: number;
  operation: RowOperation;
  /** Endpoint of the resource, e.g. `shop/orders`, or name of another target, e.g. `public.orders`. */
  resource: string;
  /**
   * Insert and upsert: the id that the document gets if it is created, equal to the write's. Update and delete: the document
   * meant; of a row, its identity key.
   */
  documentId: string;
  /** Identity that the document has once the write is applied; for a delete the one it has now. */
  referentialId: string;
  /** The same identity as seen from the superclass, if the resource has one. */
  superclassId: string | null;
  /** Distinct referentialIds that the body refers to. */
  referenceIds: string[];
  /** Empty for a delete. */
  contentHash: string;
  /** Content hash that the document must have for the write to be applied; `*` asks only that it exists. */
  ifMatch: string | null;
  client: string;
  idempotencyKey: string | null;
  /** Until when the write may wait for references that no client has submitted yet; null: it does not. */
  referenceDeadline: string | null;
  /** True once the write has been blocked: rows of what it awaited are to be cleared when it is settled. */
  wasBlocked: boolean;
  /** The node to hint when the write is settled: a random 31-bit number, one for each process. */
  node: number;
  /** How long it has been in the intake when the batch began, by the database's clock; null for most, because it costs. */
  waitedSeconds: number | null;
  /** W3C: the span of the write at its node, where somebody records it. */
  traceparent: string | null;
  /** Of a target beside documents: which statement the write needs; null for documents. */
  form: string | null;
}

/** A write with its body, as a node hands it to the intake or, in `direct` and `local` mode, to the engine. */
export interface Write extends WriteHeader {
  /** The document or row as JSON text, as the client sent it; null for the delete of a document. */
  body: string | null;
}

/** The recorded, final answer to one write. Inserted once, never changed. */
export interface Outcome {
  writeId: string;
  result: Result;
  /** Why, for `refused` and `not_applied`: a code of the error table. */
  code: OutcomeCode | null;
  resource: string;
  documentId: string | null;
  /** Number of writes applied to the document so far; null where none was. */
  version: number | null;
  /** Content hash of the document after the write: its ETag. */
  contentHash: string | null;
  detail: OutcomeDetail | null;
}

/** Codes that an outcome may carry; each is in the error table. */
export type OutcomeCode =
  | 'unresolved_reference'
  | 'identity_conflict'
  | 'immutable_identity'
  | 'document_not_found'
  | 'document_referenced'
  | 'precondition_failed'
  | 'idempotency_key_reused'
  | 'outcome_expired'
  | 'cascade_too_large'
  | 'projection_refused'
  | 'row_exists'
  | 'row_not_found'
  | 'row_referenced'
  | 'row_invalid'
  | 'target_refused'
  | 'write_conflict'
  | 'cancelled'
  | 'overloaded'
  | 'discarded'
  | 'dead_letter';

/** What a refusal is about. Names and identities, never other content of a document. */
export interface OutcomeDetail {
  /** `unresolved_reference`: each reference that is missing, the first thousand. */
  missing?: MissingReference[];
  /** `document_referenced`: endpoints of the resources that refer to the document. */
  referredBy?: string[];
  /** `identity_conflict`: the document that has the identity. */
  conflictsWith?: { documentId: string; resource: string };
  /** `dead_letter`: the error that the write met alone, reduced to what carries no row contents. */
  error?: { code: string | null; constraint: string | null; table: string | null };
  /**
   * Refused by the database, codes `row_…`, `target_refused`, `unresolved_reference` of a row: SQLSTATE, and what it names. `table`: where
   * that is another than the target, as of a trigger, a partition or a function.
   */
  database?: { sqlState: string; constraint: string | null; column: string | null; table?: string };
  /** Of a row: the values of its key, where the database gave them, or where the client asked for the row. */
  key?: Record<string, unknown>;
  /** The rows as they are after the write, where the client asked for them; JSON values as PostgreSQL writes them. */
  rows?: unknown[];
  /** Of a function or a handler: its answer. */
  answer?: unknown;
  /** `target_refused`: the code that the function or handler gave. */
  reason?: string;
}

export interface MissingReference {
  referentialId: string;
  /** Name of the resource referred to and the place in the body; null where the body is no longer known. */
  resource: string | null;
  path: string | null;
  isDescriptor?: boolean;
  /** Why it is missing: a write that would have provided it was on its way and came to nothing, or none was seen. */
  reason?: 'provider_failed' | 'never_seen';
  /** What became of that write, where it is known. */
  providerCode?: string;
}

/** The answers that leave an effect, or found it there already. */
export function isApplied(result: Result): boolean {
  return result !== 'refused' && result !== 'not_applied';
}
