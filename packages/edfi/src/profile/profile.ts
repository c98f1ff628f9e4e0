/**
 * The Ed-Fi dialect, for models made of Ed-Fi schemas. It accepts requests for the Data Management Service, and
 * answers with its statuses, headers and bodies. docs/edfi.md has the rules, and each difference.
 */
import {
  type ProfileNode,
  type Problem,
  problemOfAny,
  problemOfOutcome,
  type Profile,
  readIfMatch,
  refuseUnchecked,
  retryAfterSeconds,
  SchemaValidator,
  type FastifyReply,
  type FastifyRequest,
} from '@sluice/server/profile';
import { isApplied, isId, SluiceError } from 'sluice/internal/protocol';
import { readListQuery } from './list-query.ts';
import { metadataRoutes } from './metadata-routes.ts';
import {
  authenticationFailed,
  authorizationDenied,
  dataValidation,
  EdFiError,
  methodNotAllowed,
  notFound,
  sendEdFiProblem,
  unsupportedMediaType,
  type EdFiProblem,
} from './problem.ts';
import { EdFiDocuments } from './read-edfi-document.ts';
import { problemOfRefusal } from './refusal.ts';

export function profile(node: ProfileNode): Profile {
  const { client, limits } = node;
  new SchemaValidator().check(client.model);
  const documents = new EdFiDocuments(node.scanner);
  return {
    mediaTypes: ['application/json', '*'],
    checkMediaType(contentType) {
      const type = contentType?.split(';')[0]?.trim().toLowerCase() ?? '';
      if (type === '' || type === 'application/json' || type === 'text/json') return;
      if (/^application\/[\w.+-]+\+json$/.test(type)) return;
      throw new EdFiError('unsupported_media_type', unsupportedMediaType());
    },
    readDocument: (bytes, resource, documentId) => documents.read(bytes, resource, documentId),
    takeDocument: (text, value, resource, documentId) => documents.take(text, value, resource, documentId),
    readDocumentId(text) {
      if (isId(text)) return text.toLowerCase();
      const said = `The value '${text.slice(0, 100)}' is not valid.`;
      throw new EdFiError('invalid_request', dataValidation({ '$.id': [said] }));
    },
    readCondition(operation, headers) {
      refuseUnchecked(headers);
      if (operation === 'upsert') return null;
      const header = headers['if-match'];
      return header?.trim() === '' ? null : readIfMatch(header);
    },
    readList: (resource, query) => readListQuery(resource, query, limits.pageDocumentsMax),
    endsPagesEarly: false,
    prepare: (signal) => documents.prepare(client.model, signal),
    entityTag: (contentHash) => contentHash,
    location: (request, path) => `${node.originOf(request)}${path}`,
    present(_resource, { documentId, body, contentHash, modifiedAt }) {
      const own = `"_etag": "${contentHash}", "_lastModifiedDate": "${secondsOf(modifiedAt)}"}`;
      const members = body.slice(1, -1).trim();
      return `{"id": "${documentId}", ${members === '' ? '' : `${members}, `}${own}`;
    },
    answerRefusal(request, reply, write, outcome) {
      const isAbsent = outcome.code === 'document_not_found' && write.operation === 'delete';
      if (isAbsent && !isApplied(outcome.result)) return reply.code(404).send();
      const problem = problemOfRefusal(write, outcome, client.model);
      if (problem !== null) return sendEdFiProblem(request, reply, problem);
      return answerProblem(request, reply, problemOfOutcome(outcome));
    },
    answerError,
    answerNotFound: (request, reply) => sendEdFiProblem(request, reply, notFound()),
    addRoutes(app) {
      metadataRoutes(app, node);
    },
  };
}

function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (error instanceof EdFiError) return sendEdFiProblem(request, reply, error.problem);
  const problem = problemOfAny(error, request);
  if (problem.code === 'method_not_allowed')
    return sendEdFiProblem(request, reply, methodNotAllowed(wrongMethod(request)));
  if (problem.code === 'document_not_found') {
    if (request.method !== 'PUT') return reply.code(404).send();
    return sendEdFiProblem(request, reply, notFound('Resource to update was not found'));
  }
  return answerProblem(
    request,
    reply,
    problem,
    error instanceof SluiceError ? error.retryAfterSeconds : undefined,
  );
}

function answerProblem(
  request: FastifyRequest,
  reply: FastifyReply,
  problem: Problem,
  retryAfter?: number,
): FastifyReply {
  const seconds = retryAfterSeconds(problem.code, retryAfter);
  if (seconds !== null) reply.header('Retry-After', seconds);
  return sendEdFiProblem(request, reply, translated(problem));
}

const secondsOf = (time: string): string => new Date(time).toISOString().replace(/\.\d{3}Z$/, 'Z');

/** A problem of the error table with Ed-Fi's members. */
function translated({ code, title, status, detail, errors = [] }: Problem): EdFiProblem {
  if (code === 'endpoint_not_found') return notFound();
  if (code === 'unauthenticated') return authenticationFailed(detail);
  if (code === 'forbidden') return authorizationDenied(detail);
  const validationErrors: Record<string, string[]> = {};
  for (const { path, message } of errors) (validationErrors[path] ??= []).push(message);
  const isDataFault = status === 400 && errors.length > 0;
  return {
    type: isDataFault
      ? 'bad-request:data-validation-failed'
      : status === 400
        ? 'bad-request'
        : code.replaceAll('_', '-'),
    title: isDataFault ? 'Data Validation Failed' : title,
    status,
    detail,
    validationErrors,
  };
}

/** Ed-Fi's sentence for a collection or an item without the method. */
function wrongMethod({ method, url }: FastifyRequest): string {
  const isItem = /\/data\/[^/?]+\/[^/?]+\/[^/?]/.test(url);
  if (method === 'DELETE' && !isItem)
    return "Resource collections cannot be deleted. To delete a specific item, use DELETE and include the 'id' in the route.";
  if (method === 'PUT' && !isItem)
    return "Resource collections cannot be replaced. To 'upsert' an item in the collection, use POST. To update a specific item, use PUT and include the 'id' in the route.";
  if (method === 'POST' && isItem)
    return "Resource items can only be updated using PUT. To 'upsert' an item in the resource collection using POST, remove the 'id' from the route.";
  return `The method ${method} is not supported for this route.`;
}
