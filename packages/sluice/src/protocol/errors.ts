/**
 * The only table of errors. The API's problem details, the CLI's exit codes and the library's exceptions come from
 * it; nothing else decides a status or a sentence.
 */

export interface ErrorEntry {
  /** HTTP status. */
  status: number;
  /** True: the same request may succeed later, unchanged. */
  retryable: boolean;
  title: string;
  /** Default sentence. */
  detail: string;
  /** Exit code of a command that ends with this error. */
  exitCode: number;
}

const entry = (
  status: number,
  title: string,
  detail: string,
  retryable = false,
  exitCode = 1,
): ErrorEntry => ({
  status,
  retryable,
  title,
  detail,
  exitCode,
});

export const errorTable = {
  // Authentication and authorization
  unauthenticated: entry(401, 'Not authenticated', 'Credentials are missing or invalid.'),
  forbidden: entry(403, 'Forbidden', 'The credentials of this client do not allow this request.'),
  authentication_unavailable: entry(
    503,
    'Authentication unavailable',
    'This node cannot read the keys that it checks credentials with.',
    true,
  ),

  // The request itself
  invalid_json: entry(
    400,
    'Invalid JSON',
    'The body is not valid JSON, or PostgreSQL cannot store it unchanged.',
  ),
  invalid_document: entry(400, 'Invalid document', 'The document does not match the schema of its resource.'),
  invalid_request: entry(
    400,
    'Invalid request',
    'A parameter, a header or the body of the request is invalid.',
    false,
    2,
  ),
  immutable_identity: entry(
    400,
    'Identity cannot change',
    'The identifying values of this resource cannot be changed: delete the document and create another.',
  ),
  endpoint_not_found: entry(404, 'No such resource', 'The model has no resource of this name.'),
  method_not_allowed: entry(405, 'Method not allowed', 'This URL does not support this method.'),
  document_not_found: entry(404, 'Document not found', 'No document of this resource has this id.'),
  write_not_found: entry(
    404,
    'Write not found',
    'No write of this client has this id, or its outcome was deleted after its retention.',
  ),
  payload_too_large: entry(413, 'Body too large', 'The body is larger than this node accepts.'),
  header_too_large: entry(431, 'Headers too large', 'The headers are larger than this node accepts.'),
  request_timeout: entry(408, 'Request timeout', 'The request did not arrive within the time limit.', true),
  unsupported_media_type: entry(415, 'Unsupported media type', 'This URL does not accept this media type.'),

  // Refused: the state of the data forbids it
  unresolved_reference: entry(
    409,
    'Unresolved reference',
    'The document refers to a document that does not exist.',
  ),
  identity_conflict: entry(409, 'Identity taken', 'Another document has the same identifying values.'),
  document_referenced: entry(409, 'Document is referred to', 'Other documents refer to this one.'),
  cascade_too_large: entry(
    409,
    'Too many documents to change',
    'The change of identity would rewrite more documents than cascadeLimit allows.',
  ),
  projection_refused: entry(409, 'Refused by a projection', 'A projection rejected this write.'),
  row_exists: entry(
    409,
    'Row exists',
    'Another row has the same values in the columns of a unique constraint.',
  ),
  row_not_found: entry(404, 'Row not found', 'The table has no row with this key.'),
  row_referenced: entry(409, 'Row is referenced', 'Rows of other tables refer to this row.'),
  row_invalid: entry(400, 'Invalid row', 'The table does not accept the row.'),
  target_refused: entry(409, 'Refused', 'The function or handler of the target refused the write.'),
  precondition_failed: entry(
    412,
    'Precondition failed',
    'The entity tag of the document does not match If-Match.',
  ),
  idempotency_key_reused: entry(
    422,
    'Idempotency key reused',
    'The client used this Idempotency-Key before, with another request.',
  ),

  outcome_expired: entry(
    409,
    'Outcome no longer kept',
    'A write with this Idempotency-Key was settled before, and its outcome was deleted after its retention. This request changed nothing: read the document to see its present state.',
  ),

  // Reads: the document exists, and is too large for memory
  document_too_large: entry(
    409,
    'Document too large to read',
    'The stored document is larger than this node reads. It can still be replaced or deleted.',
  ),

  // Not applied: nothing changed, and nothing will
  write_conflict: entry(
    409,
    'Write conflict',
    'Each attempt met concurrent transactions. Nothing was applied.',
    true,
  ),
  rate_limited: entry(429, 'Too many requests', 'This client exceeds its limit of requests.', true),
  cancelled: entry(
    503,
    'Not applied in time',
    'The write was cancelled when its wait ended. Nothing was applied.',
    true,
  ),
  overloaded: entry(503, 'Overloaded', 'More writes are waiting than this deployment accepts.', true),
  lane_without_leader: entry(503, 'No writer', 'No writer leads the lane of this document.', true),
  database_unavailable: entry(503, 'Database unavailable', 'PostgreSQL cannot be reached.', true),
  storage_full: entry(
    507,
    'Storage full',
    'The database has no space for the write. Nothing was applied.',
    true,
  ),
  stopping: entry(503, 'Stopping', 'This node is stopping.', true),
  discarded: entry(410, 'Discarded', 'An operator discarded the write. Nothing was applied.'),
  dead_letter: entry(
    500,
    'Dead letter',
    'The write failed alone, repeatedly. Nothing was applied. An operator can retry or discard it.',
  ),
  target_failed: entry(
    500,
    'Target failed',
    'The write failed alone, repeatedly, in code of its target or of the database. Nothing was applied.',
  ),

  // Unknown: the connection broke before the answer arrived
  outcome_unknown: entry(
    504,
    'Outcome unknown',
    'Repeat the request with the same Idempotency-Key, or GET /writes/{id}.',
    true,
  ),
  internal: entry(500, 'Internal error', 'This is a defect of Sluice.'),

  // Starting and operating
  configuration_invalid: entry(500, 'Invalid configuration', 'A setting is missing or invalid.', false, 2),
  deployment_disagrees: entry(
    503,
    'Processes disagree',
    'The settings of this process differ from those that the database records.',
    true,
    3,
  ),
  schema_outdated: entry(500, 'Schema outdated', 'Run `sluice migrate` first.', false, 4),
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof errorTable;

export interface SluiceErrorOptions {
  cause?: unknown;
  /** Facts for a program: JSON paths, names, limits. Never the content of a document. */
  detail?: Record<string, unknown>;
  /** Seconds until a retry makes sense. */
  retryAfterSeconds?: number;
}

/** The only error class. `code` is the meaning for programs; the message is for people. */
export class SluiceError extends Error {
  readonly code: ErrorCode;
  readonly detail: Record<string, unknown> | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ErrorCode, message?: string, options: SluiceErrorOptions = {}) {
    super(
      message ?? errorTable[code].detail,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.name = 'SluiceError';
    this.code = code;
    this.detail = options.detail;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }

  /** HTTP status. */
  get status(): number {
    return this.entry.status;
  }

  get entry(): ErrorEntry {
    return errorTable[this.code];
  }
}
