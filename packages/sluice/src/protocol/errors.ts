/**
 * The one table of errors. The API's problem details, the CLI's exit codes and the library's exceptions read it;
 * nothing else decides a status or a sentence.
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
  // Who asks
  unauthenticated: entry(401, 'Not authenticated', 'The request does not say who asks, or not validly.'),
  forbidden: entry(403, 'Forbidden', 'This client may not do that.'),
  authentication_unavailable: entry(
    503,
    'Authentication unavailable',
    'The keys that tell who asks cannot be read.',
    true,
  ),

  // The request itself
  invalid_json: entry(400, 'Invalid JSON', 'The body is not JSON that can be stored as it is.'),
  invalid_document: entry(
    400,
    'Invalid document',
    'The document does not have the form its resource asks for.',
  ),
  invalid_request: entry(400, 'Invalid request', 'The request is not of the form this URL takes.'),
  immutable_identity: entry(
    400,
    'Identity cannot change',
    'The identifying values of this resource cannot be changed; delete the document and create it anew.',
  ),
  endpoint_not_found: entry(404, 'No such resource', 'The model has no resource of this name.'),
  method_not_allowed: entry(405, 'Method not allowed', 'This URL does not take this method.'),
  document_not_found: entry(404, 'Document not found', 'No document of this resource has this id.'),
  write_not_found: entry(
    404,
    'Write not found',
    'No write of yours has this id, or its outcome is past its retention.',
  ),
  payload_too_large: entry(413, 'Body too large', 'The body is larger than this node takes.'),
  header_too_large: entry(431, 'Headers too large', 'The headers are larger than this node takes.'),
  request_timeout: entry(408, 'Request timeout', 'The request did not come within its time.', true),
  unsupported_media_type: entry(415, 'Unsupported media type', 'This URL takes another media type.'),

  // Refused: the state of the data forbids it
  unresolved_reference: entry(409, 'Unresolved reference', 'A document referred to does not exist.'),
  identity_conflict: entry(409, 'Identity taken', 'Another document has the same identifying values.'),
  document_referenced: entry(409, 'Document is referred to', 'Other documents refer to this one.'),
  cascade_too_large: entry(
    409,
    'Too many documents to change',
    'The change of identity would rewrite more documents than this deployment allows.',
  ),
  projection_refused: entry(
    409,
    'Refused by a projection',
    'A rule derived from documents does not take this write.',
  ),
  row_exists: entry(409, 'Row exists', 'A row with the same values of a unique constraint exists.'),
  row_not_found: entry(404, 'Row not found', 'The table has no row with this key.'),
  row_referenced: entry(409, 'Row is referenced', 'Rows of other tables refer to this row.'),
  row_invalid: entry(400, 'Invalid row', 'The table does not accept the row.'),
  target_refused: entry(409, 'Refused', 'The function or handler of the target refused the write.'),
  precondition_failed: entry(412, 'Precondition failed', 'The document is not as If-Match expects it.'),
  idempotency_key_reused: entry(
    422,
    'Idempotency key reused',
    'This Idempotency-Key was used before with another request.',
  ),

  outcome_expired: entry(
    409,
    'Outcome no longer kept',
    'A write with this Idempotency-Key was settled before, and its outcome is no longer kept. This request changed nothing: read the document to see what holds.',
  ),

  // Read: it is there, and is not brought into memory
  document_too_large: entry(
    409,
    'Document too large to read',
    'The stored document is larger than this node reads; it can be replaced or deleted.',
  ),

  // Not applied: nothing happened, and nothing will
  write_conflict: entry(
    409,
    'Write conflict',
    'Concurrent work got in the way each time; nothing was applied.',
    true,
  ),
  rate_limited: entry(429, 'Too many requests', 'This client asks for too much at a time.', true),
  cancelled: entry(
    503,
    'Not applied in time',
    'The write was cancelled at the end of its wait; nothing was applied.',
    true,
  ),
  overloaded: entry(503, 'Overloaded', 'More writes are waiting than this deployment takes.', true),
  lane_without_leader: entry(503, 'No writer', 'No writer leads the lane of this document.', true),
  database_unavailable: entry(503, 'Database unavailable', 'PostgreSQL cannot be reached.', true),
  storage_full: entry(
    507,
    'Storage full',
    'The database has no room for the write; nothing was applied.',
    true,
  ),
  stopping: entry(503, 'Stopping', 'This node is stopping.', true),
  discarded: entry(410, 'Discarded', 'An operator discarded the write; nothing was applied.'),
  dead_letter: entry(
    500,
    'Dead letter',
    'The write failed alone, repeatedly; nothing was applied, and it is kept for an operator.',
  ),

  // Neither: the connection broke while the answer was on its way
  outcome_unknown: entry(
    504,
    'Outcome unknown',
    'Ask again with the same Idempotency-Key, or GET /writes/{id}.',
    true,
  ),
  internal: entry(500, 'Internal error', 'This is a defect of Sluice.'),

  // Starting and operating
  configuration_invalid: entry(
    500,
    'Invalid configuration',
    'A setting is missing or not of its form.',
    false,
    2,
  ),
  deployment_disagrees: entry(
    503,
    'Processes disagree',
    'This process is configured differently from what the database says.',
    true,
    3,
  ),
  schema_outdated: entry(500, 'Schema outdated', 'Run `sluice migrate` first.', false, 4),
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof errorTable;

export interface SluiceErrorOptions {
  cause?: unknown;
  /** Facts for a program: JSON paths, names, limits. Never contents of a document. */
  detail?: Record<string, unknown>;
  /** Seconds after which a retry makes sense. */
  retryAfterSeconds?: number;
}

/** The one error class. `code` is its meaning; the message is for people. */
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
