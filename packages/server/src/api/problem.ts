/** Errors and refusals as RFC 9457 problem details, all from the one error table, without text of PostgreSQL and values of documents. */
import { ModelError } from 'sluice/model';
import {
  errorTable,
  refusalSentence,
  SluiceError,
  type ErrorCode,
  type ErrorEntry,
  type Outcome,
} from 'sluice/internal/protocol';
import { ExactJson } from './exact-json.ts';

export interface ProblemFault {
  /** Place in the document, as a JSON path. */
  path: string;
  message: string;
  /** For an unreadable text: place in the body, from 1. */
  line?: number;
  column?: number;
}

export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: ErrorCode;
  errors?: ProblemFault[];
  [fact: string]: unknown;
}

const entries: Readonly<Record<ErrorCode, ErrorEntry>> = errorTable;
const ownMembers = new Set(['type', 'title', 'status', 'detail', 'code', 'errors', 'path']);

export function problemOf(code: ErrorCode, detail?: string, facts: Record<string, unknown> = {}): Problem {
  const entry = entries[code];
  return {
    type: `urn:sluice:error:${code}`,
    title: entry.title,
    status: entry.status,
    detail: detail ?? entry.detail,
    code,
    ...facts,
  };
}

/** Seconds for `Retry-After`; null: the same request will not succeed later. */
export function retryAfterSeconds(code: ErrorCode, known?: number): number | null {
  return entries[code].retryable ? Math.max(1, Math.ceil(known ?? 1)) : null;
}

/** The problem of a write that was refused or not applied. */
export function problemOfOutcome(outcome: Outcome): Problem {
  const code = outcome.code ?? 'internal';
  const facts: Record<string, unknown> = { writeId: outcome.writeId };
  const { missing, referredBy, conflictsWith, database, raised, reason, answerText } = outcome.detail ?? {};
  if (missing !== undefined) {
    facts['errors'] = missing.map(({ path, resource }) => ({
      path: path ?? '$',
      message: `refers to a ${resource ?? 'document'} that does not exist`,
    }));
    facts['missing'] = missing;
  }
  if (referredBy !== undefined) facts['referredBy'] = referredBy;
  if (conflictsWith !== undefined) facts['conflictsWith'] = conflictsWith;
  if (database !== undefined) facts['database'] = database;
  if (raised !== undefined) facts['raised'] = raised;
  if (reason !== undefined) facts['reason'] = reason;
  if (answerText !== undefined) facts['answer'] = new ExactJson(answerText);
  const sentence = outcome.code === null ? undefined : refusalSentence(outcome.code, outcome.detail);
  return problemOf(code, sentence, facts);
}

/** The problem of an error of the table; null: it is a defect. */
export function problemOfError(error: unknown): Problem | null {
  if (error instanceof ModelError && error.code !== 'invalid_model') {
    return problemOf('invalid_document', error.message, {
      errors: [{ path: error.path, message: error.message }],
    });
  }
  if (!(error instanceof SluiceError)) return null;
  const detail = error.detail ?? {};
  const facts: Record<string, unknown> = {};
  if (Array.isArray(detail['errors'])) facts['errors'] = detail['errors'];
  else if (typeof detail['path'] === 'string') {
    facts['errors'] = [{ path: detail['path'], message: error.message }];
  }
  for (const [name, fact] of Object.entries(detail)) {
    if (!ownMembers.has(name)) facts[name] = fact;
  }
  // Sentences about faults of the server are for the log, because they may name hosts.
  return problemOf(error.code, error.entry.status >= 500 ? undefined : error.message, facts);
}

/** The error for a fault at one place of a document. */
export function faultAt(code: 'invalid_document', path: string, message: string): SluiceError {
  return new SluiceError(code, `Cannot take the document: ${path} ${message}`, {
    detail: { errors: [{ path, message }] },
  });
}
