/** Sluice's own dialect: RFC 9457 problems with a code, quoted entity tags, documents as they were sent. */
import { SluiceError } from 'sluice/internal/protocol';
import { readDocument, takeOutId, withId, type DocumentText } from './document-text.ts';
import { answerError, answerNotFound } from './error-answers.ts';
import { readId, type ApiNode } from './node.ts';
import { problemOfOutcome } from './problem.ts';
import type { ListRequest, Profile, Query } from './profile.ts';
import { readCondition } from './request-headers.ts';
import { pathOf, SchemaValidator, type SchemaFault } from './schema-validator.ts';
import { sendProblem } from './send-problem.ts';
import type { Resource } from 'sluice/model';

/** Most faults that are reported for one document. */
const FAULTS_MAX = 100;

export function nativeProfile({
  client,
  scanner,
  limits,
}: Pick<ApiNode, 'client' | 'scanner' | 'limits'>): Profile {
  const validator = new SchemaValidator();
  validator.check(client.model);
  const checked = (taken: DocumentText, resource: Resource): DocumentText => {
    const faults = validator.faultsOf(resource, taken.document);
    if (faults.length > 0) throw invalidDocument(faults);
    return taken;
  };
  return {
    mediaTypes: ['application/json', /^application\/[\w.+-]+\+json(?:;|$)/],
    checkMediaType() {},
    readDocument: (bytes, resource, documentId) =>
      checked(readDocument(scanner, bytes, resource, documentId), resource),
    takeDocument: (text, value, resource, documentId) =>
      checked(takeOutId(scanner, text, value, resource, documentId), resource),
    readDocumentId: (text) => readId(text, 'document_not_found'),
    readCondition: (_operation, headers) => readCondition(headers),
    readList: (_resource, query) => readPage(query, limits.pageDocumentsMax),
    endsPagesEarly: true,
    entityTag: (contentHash) => `"${contentHash}"`,
    location: (_request, path) => path,
    present: (resource, { documentId, body }) => withId(resource, documentId, body),
    answerRefusal: (_request, reply, _write, outcome) => sendProblem(reply, problemOfOutcome(outcome)),
    answerError,
    answerNotFound,
    addRoutes() {},
  };
}

function invalidDocument(faults: readonly SchemaFault[]): SluiceError {
  const errors = faults.slice(0, FAULTS_MAX).map((fault) => {
    const { instancePath, keyword, params, message = 'does not match the schema' } = fault;
    if (keyword === 'additionalProperties') {
      const { additionalProperty: name } = params as { additionalProperty: string };
      const step = name.slice(0, 100).replaceAll('~', '~0').replaceAll('/', '~1');
      return { path: pathOf(`${instancePath}/${step}`), message: 'is not in the schema' };
    }
    if (keyword !== 'required') return { path: pathOf(instancePath), message };
    const { missingProperty } = params as { missingProperty: string };
    return { path: pathOf(`${instancePath}/${missingProperty}`), message: 'is missing' };
  });
  const [first] = errors;
  return new SluiceError('invalid_document', `Cannot take the document: ${first?.path} ${first?.message}`, {
    detail: { errors },
  });
}

/** An unknown parameter is refused, because a client that filters by it would get all documents. */
function readPage(query: Query, limitMax: number): ListRequest {
  const unknown = Object.keys(query).find((name) => !['limit', 'offset', 'totalCount'].includes(name));
  if (unknown !== undefined) {
    throw new SluiceError('invalid_request', 'Cannot list documents: a query parameter is unknown', {
      detail: { parameter: unknown.slice(0, 100) },
    });
  }
  const { totalCount = 'false' } = query;
  if (totalCount !== 'true' && totalCount !== 'false')
    throw badParameter('totalCount', 'is neither true nor false');
  return {
    limit: readCount(query, 'limit', 25, limitMax),
    offset: readCount(query, 'offset', 0, 2 ** 31 - 1),
    totalCount: totalCount === 'true',
  };
}

function readCount(query: Query, name: string, fallback: number, max: number): number {
  const text = query[name];
  if (text === undefined) return fallback;
  const count = typeof text === 'string' && /^\d{1,10}$/.test(text) ? Number(text) : NaN;
  if (count <= max) return count;
  throw badParameter(name, `is not a number from 0 to ${max}`);
}

function badParameter(name: string, message: string): SluiceError {
  return new SluiceError('invalid_request', `Cannot list documents: ${name} ${message}`, {
    detail: { parameter: name },
  });
}
