/**
 * The shapes of a write and of its outcome: accepted by a node, stored in the intake, settled by a batch. Ids are
 * UUID strings in lower case; times are ISO 8601 strings by the database's clock.
 */

/** The operations on a document. */
export const operations = ['upsert', 'update', 'delete'] as const;
export type Operation = (typeof operations)[number];

/** The operations of a write: rows of tables can also be inserted. */
export const rowOperations = ['insert', ...operations] as const;
export type RowOperation = (typeof rowOperations)[number];

/** Whether a write names the thing that it changes, so that a repeated request names the same thing. */
export function namesItsTarget(operation: RowOperation): boolean {
  return operation === 'update' || operation === 'delete';
}

const uuid = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** Whether the text can be an id: any UUID that PostgreSQL takes, of any version. */
export function isId(text: string): boolean {
  return uuid.test(text);
}

/** The result of a write. Only `refused` and `not_applied` have a code. */
export type Result = 'created' | 'updated' | 'unchanged' | 'deleted' | 'refused' | 'not_applied';

/**
 * All that a plan knows of a write; it has no body, because bodies move inside the database.
 *
 * `position` is the order of arrival, from the database; in `direct` and `local` mode, after all writes of the
 * intake.
 */
export interface WriteHeader {
  writeId: string;
  lane: number;
  position: number;
  operation: RowOperation;
  /** Endpoint of the resource, e.g. `shop/orders`, or name of another target, e.g. `public.orders`. */
  resource: string;
  /**
   * Insert and upsert: the id of the document if it is created, equal to that of the write. Update and delete: the id
   * of the document; for a row, its identity key.
   */
  documentId: string;
  /** Identity of the document after the write; for a delete, its present identity. */
  referentialId: string;
  /** The same identity under the superclass, if the resource has one. */
  superclassId: string | null;
  /** Distinct referentialIds that the body refers to. */
  referenceIds: string[];
  /** Empty for a delete. */
  contentHash: string;
  /** Content hash that the document must have; `*`: the document must exist. */
  ifMatch: string | null;
  client: string;
  idempotencyKey: string | null;
  /** End of the wait for references that no client has submitted yet; null: no wait. */
  referenceDeadline: string | null;
  /** The write was blocked before: its rows of awaited things must be deleted when it is settled. */
  wasBlocked: boolean;
  /** The node to hint when the write is settled: a random 31-bit number of each process. */
  node: number;
  /** How long it was in the intake when the batch began, by the database's clock; null for most, because it costs time. */
  waitedSeconds: number | null;
  /** W3C trace context: the span of the write at its node, if it is recorded. */
  traceparent: string | null;
  /** For targets other than documents: the statement that the write needs; null for documents. */
  form: string | null;
}

/** The identity keys that a write provides. */
export function identityKeysOf({
  referentialId,
  superclassId,
}: Pick<WriteHeader, 'referentialId' | 'superclassId'>): string[] {
  return superclassId === null ? [referentialId] : [referentialId, superclassId];
}

/** A write with its body. A node passes it to the intake or, past it, to the coordinator. */
export interface Write extends WriteHeader {
  /**
   * JSON text: the document without `id`, as the client sent it, or a row, which a node may compose
   * (client/row-body.ts). Null for the delete of a document.
   */
  body: string | null;
}

/** The recorded, final answer to one write. Inserted once, never changed. */
export interface Outcome {
  writeId: string;
  result: Result;
  /** The reason for `refused` and `not_applied`: a code of the error table. */
  code: OutcomeCode | null;
  resource: string;
  documentId: string | null;
  /** Number of writes applied to the document so far; null if none was. */
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

/** The subject of a refusal: names and identities, never other content of a document. */
export interface OutcomeDetail {
  /** `unresolved_reference`: the missing references, the first thousand. */
  missing?: MissingReference[];
  /** `document_referenced`: endpoints of the resources that refer to the document. */
  referredBy?: string[];
  /** `identity_conflict`: the document that has the identity. */
  conflictsWith?: { documentId: string; resource: string };
  /** `dead_letter`: the error that the write met alone, without any value of a row. */
  error?: { code: string | null; constraint: string | null; table: string | null };
  /**
   * Refused by the database, with codes `row_…`, `target_refused`, or `unresolved_reference` of a row: SQLSTATE, constraint and column.
   * `table`: if it is not the table of the target, as for a trigger, a partition or a function.
   */
  database?: { sqlState: string; constraint: string | null; column: string | null; table?: string };
  /** Refused by code of the user with an SQLSTATE of its own: the texts that it gave. */
  raised?: { message: string; details: string | null; hint: string | null };
  /** For a row: the values of its key, if the database gave them, or if the client asked for the row. */
  key?: Record<string, unknown>;
  /** The rows after the write, if the client asked for them, each as PostgreSQL's JSON text: no number loses a digit. */
  rowTexts?: readonly string[];
  /** The answer of a function or a handler, as JSON text. */
  answerText?: string;
  /** `target_refused`: the code that the function or handler gave. */
  reason?: string;
}

export interface MissingReference {
  referentialId: string;
  /** Name of the resource, and path in the body; null if the body is no longer known. */
  resource: string | null;
  path: string | null;
  isDescriptor?: boolean;
  /** Why it is missing: the write that would have provided it had no effect, or there was none. */
  reason?: 'provider_failed' | 'never_seen';
  /** Code of that write's outcome, if known. */
  providerCode?: string;
}

/** The number of the last lane that any deployment may have. */
export const laneMax = 32_767;

/** Whether the result has an effect, or the effect already existed. */
export function isApplied(result: Result): boolean {
  return result !== 'refused' && result !== 'not_applied';
}
