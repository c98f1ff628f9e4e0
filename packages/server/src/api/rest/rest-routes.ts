/**
 * `/rest`: writes of rows in the dialect of PostgREST, so that its clients work unchanged. Each request is one write.
 * docs/rest.md has the rules, and each difference.
 */
import type { ClientTarget } from 'sluice/internal/client';
import { isApplied, type Outcome } from 'sluice/internal/protocol';
import type { RowRequest } from 'sluice/internal/targets';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { demand } from '../auth/guard.ts';
import { JsonScanner } from '../json-scanner.ts';
import { jsonLimits } from '../limits.ts';
import { waitMsOf, type ApiNode } from '../node.ts';
import type { Query } from '../profile.ts';
import { hasBody, readIdempotencyKey, readTraceparent, type Preferences } from '../request-headers.ts';
import { assertUncompressed, takeBodies } from '../take-bodies.ts';
import { doorRefusal } from './door-refusal.ts';
import { findFunction, findTable, type TableTarget } from './find-target.ts';
import { readRestPreferences, type RestPreferences } from './preferences.ts';
import { badBody, RestError } from './rest-error.ts';
import { readRestQuery } from './query.ts';
import { readAnyBody } from './read-body.ts';
import { refusalOf } from './refusal.ts';
import { restAnswers } from './rest-answers.ts';
import {
  callSchema,
  changeRowSchema,
  deleteRowSchema,
  insertRowsSchema,
  putRowSchema,
} from './rest-schemas.ts';
import { sendApplied, sendRows } from './row-answer.ts';
import { readRowWrite, type RowMethod, type RowWrite } from './row-write.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Below `/rest`: the target of the URL, which the client may write to. */
    rowTarget: ClientTarget;
  }
}

const mediaTypes = ['application/json', /^application\/vnd\.pgrst\.(?:object|array)(?:\+json)?(?:;|$)/];

export function restRoutes(app: FastifyInstance, node: ApiNode): void {
  const scanner = new JsonScanner({ ...jsonLimits(node.limits), takesExactNumbers: true });
  app.decorateRequest('rowTarget', null as unknown as ClientTarget);
  // Before the body is read.
  app.addHook('onRequest', (request, reply, done) => {
    const { table, name } = request.params as { table?: string; name?: string };
    const { headers } = request;
    request.rowTarget =
      table === undefined
        ? findFunction(node.client, name ?? '', headers)
        : findTable(node.client, table, headers);
    demand(request, reply, 'write', request.rowTarget.name);
    // As in PostgREST, a body without a media type is JSON.
    if (hasBody(headers)) headers['content-type'] ??= 'application/json';
    done();
  });
  takeBodies(app, node, { mediaTypes, answers: restAnswers });

  const write =
    (method: RowMethod) =>
    (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> =>
      writeRows(node, scanner, method, request, reply);
  const config = { access: 'target' } as const;
  app.post('/rest/:table', { schema: insertRowsSchema, config }, write('POST'));
  app.put('/rest/:table', { schema: putRowSchema, config }, write('PUT'));
  app.patch('/rest/:table', { schema: changeRowSchema, config }, write('PATCH'));
  app.delete('/rest/:table', { schema: deleteRowSchema, config }, write('DELETE'));
  app.post('/rest/rpc/:name', { schema: callSchema, config }, (request, reply) =>
    callTarget(node, scanner, request, reply),
  );
}

async function writeRows(
  node: ApiNode,
  scanner: JsonScanner,
  method: RowMethod,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { catalog } = request.rowTarget as TableTarget;
  const { headers } = request;
  const preferences = readRestPreferences(headers, node.limits.waitSecondsMax, method);
  const asked = readRowWrite({
    method,
    table: catalog,
    query: readRestQuery(request.query as Query, catalog),
    preferences,
    isSingular: wantsOne(headers.accept),
    scanner,
    body: method === 'DELETE' ? null : bodyOf(request),
  });
  if (asked.row === null) return sendRows(reply, { result: null, rows: [] }, asked.form);
  const row: RowRequest = { ...asked.row, ...callerOf(request, preferences) };
  try {
    const outcome = await submit(node, reply, row, preferences);
    return outcome === null ? await reply : await answerRows(node, reply, outcome, asked);
  } catch (error) {
    throw doorRefusal(error, catalog);
  }
}

function answerRows(
  { basePath }: ApiNode,
  reply: FastifyReply,
  outcome: Outcome,
  { form, locate }: RowWrite,
): FastifyReply {
  // A filter that no row fits is no error: it affects no row.
  if (outcome.code === 'row_not_found') return sendRows(reply, { result: null, rows: [] }, form);
  if (!isApplied(outcome.result)) throw refusalOf(outcome);
  const location = outcome.result === 'created' ? locate?.(outcome) : undefined;
  if (location !== undefined) reply.header('Location', `${basePath}${location}`);
  return sendRows(reply, { result: outcome.result, rows: outcome.detail?.rowTexts ?? null }, form);
}

/** Passes the body to a function or a handler unchanged. */
async function callTarget(
  node: ApiNode,
  scanner: JsonScanner,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const preferences = readRestPreferences(request.headers, node.limits.waitSecondsMax, 'call');
  const { text, value } = readAnyBody(scanner, bodyOf(request));
  const row: RowRequest = {
    target: request.rowTarget.name,
    operation: 'insert',
    body: text,
    parsed: value,
    ...callerOf(request, preferences),
  };
  const outcome = await submit(node, reply, row, preferences);
  if (outcome === null) return reply;
  sendApplied(reply, preferences.applied, { rows: true, count: true });
  if (!isApplied(outcome.result)) throw refusalOf(outcome);
  reply.header('Sluice-Result', outcome.result);
  const answer = outcome.detail?.answerText;
  if (answer === undefined) return reply.code(204).send();
  return reply.code(200).type('application/json; charset=utf-8').send(answer);
}

/** Null: the write is accepted, and the answer is sent. */
async function submit(
  node: ApiNode,
  reply: FastifyReply,
  row: RowRequest,
  { respondAsync, waitSeconds, waitForReferencesSeconds, applied }: RestPreferences,
): Promise<Outcome | null> {
  if (respondAsync) {
    const { writeId } = await node.client.acceptRow(row);
    sendApplied(reply, applied, { rows: false, count: false });
    await reply.code(202).header('Location', `${node.basePath}/writes/${writeId}`).send();
    return null;
  }
  return node.client.submitRow(row, { waitMs: waitMsOf(node, waitSeconds, waitForReferencesSeconds) });
}

/** The client, and the options that every target shares. */
function callerOf(
  { headers, principal }: FastifyRequest,
  { waitForReferencesSeconds }: Preferences,
): Pick<RowRequest, 'client' | 'idempotencyKey' | 'waitForReferencesSeconds' | 'traceparent'> {
  return {
    client: principal.client,
    idempotencyKey: readIdempotencyKey(headers['idempotency-key']),
    waitForReferencesSeconds,
    traceparent: readTraceparent(headers),
  };
}

function bodyOf(request: FastifyRequest): Buffer {
  assertUncompressed(request.headers);
  const body = request.body as Buffer | undefined;
  if (body === undefined || body.length === 0) throw badBody('Empty or invalid json');
  return body;
}

/** @throws {RestError} if the client does not accept JSON */
function wantsOne(accept: string | undefined): boolean {
  if (accept === undefined || accept === '*/*' || accept === 'application/json') return false;
  if (accept.includes('nulls=stripped')) throw notAcceptable(accept);
  const types = accept.split(',').map((type) => type.split(';', 1)[0]!.trim().toLowerCase());
  if (types.some((type) => /^application\/vnd\.pgrst\.object(?:\+json)?$/.test(type))) return true;
  const isJson = types.some((type) =>
    /^(?:\*\/\*|application\/(?:\*|json|vnd\.pgrst\.array(?:\+json)?))$/.test(type),
  );
  if (isJson) return false;
  throw notAcceptable(accept);
}

function notAcceptable(accept: string): RestError {
  const types = accept.replaceAll(/[^\w/.+*;=, -]/g, '?').slice(0, 100);
  const message = `None of these media types are available: ${types}`;
  return new RestError('unsupported_media_type', { code: 'PGRST107', status: 406, message });
}
