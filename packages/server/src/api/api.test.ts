import { once } from 'node:events';
import { get as request, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { ModelError } from 'sluice/model';
import { errorTable, SluiceError, type Outcome } from 'sluice/internal/protocol';
import { pino } from 'pino';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createApi, type ApiOptions } from './api.ts';
import { created, documentId, FakeClient, stored, writeId } from './test-support.ts';

const schools = '/data/ed-fi/schools';
const school = `${schools}/${documentId}`;

function setup(options: Omit<ApiOptions, 'client'> = {}) {
  const client = new FakeClient();
  const api = createApi({ client, logger: pino({ level: 'silent' }), ...options });
  const send = (method: 'POST' | 'PUT' | 'DELETE', url: string, payload?: string | Buffer, headers = {}) =>
    api.inject({
      method,
      url,
      headers: { ...(payload === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(payload === undefined ? {} : { payload }),
    });
  const get = (url: string, headers = {}) => api.inject({ method: 'GET', url, headers });
  const bulk = async (lines: string | Buffer, url = '/bulk', headers = {}) => {
    const response = await api.inject({
      method: 'POST',
      url,
      headers: { 'content-type': 'application/x-ndjson', ...headers },
      payload: lines,
    });
    const answers = response.body
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { line: number; status: number; [name: string]: unknown });
    return answers.sort((a, b) => a.line - b.line);
  };
  return { client, api, send, get, bulk };
}

const refused = (code: Outcome['code'], detail: Outcome['detail'] = null): Outcome => ({
  ...created,
  result: code === 'cancelled' ? 'not_applied' : 'refused',
  code,
  documentId: null,
  contentHash: null,
  version: null,
  detail,
});

describe('POST', () => {
  test('a POST answers 201 for a created document, with its location and its entity tag', async () => {
    const { client, send } = setup();
    const response = await send('POST', schools, '{"schoolId":1.0}');
    expect(response.statusCode).toBe(201);
    expect(response.body).toBe('');
    expect(response.headers).toMatchObject({ location: school, etag: '"abc"' });
    expect(client.requests).toMatchObject([
      { operation: 'upsert', body: '{"schoolId":1.0}', document: { schoolId: 1 }, client: '' },
    ]);
    expect(client.waits).toEqual([30_000]);
  });

  test.each(['updated', 'unchanged'] as const)(
    'a POST answers 200 for a document that is %s',
    async (result) => {
      const { client, send } = setup({ basePath: '/v1' });
      client.answer = () => ({ ...created, result });
      const response = await send('POST', `/v1${schools}`, '{}');
      expect(response.statusCode).toBe(200);
      expect(response.headers.location).toBe(`/v1${school}`);
    },
  );

  test('a POST passes If-Match on, and refuses conditions that no code checks', async () => {
    const { client, send } = setup();
    await send('POST', schools, '{}', { 'if-match': '"x"' });
    expect(client.requests[0]?.ifMatch).toBe('x');
    const refused = await send('POST', schools, '{}', { 'if-none-match': '*' });
    expect(refused.json()).toMatchObject({ status: 400, code: 'invalid_request' });
    expect(refused.json().detail).toContain('If-None-Match');
    expect(client.requests).toHaveLength(1);
  });

  test('a POST takes an endpoint in any case, and no other endpoint', async () => {
    const { client, send } = setup();
    expect((await send('POST', '/data/Ed-Fi/SCHOOLS', '{}')).statusCode).toBe(201);
    const response = await send('POST', '/data/ed-fi/schoolz', '{}');
    expect(response.json()).toMatchObject({ code: 'endpoint_not_found', status: 404 });
    expect(client.requests).toHaveLength(1);
  });

  test('a POST names the path of a text that cannot be stored', async () => {
    const { client, send } = setup();
    const response = await send('POST', schools, '{"a":["\\u0000"]}');
    expect(response.statusCode).toBe(400);
    expect(response.headers['content-type']).toBe('application/problem+json; charset=utf-8');
    expect(response.json()).toMatchObject({
      type: 'urn:sluice:error:invalid_json',
      title: 'Invalid JSON',
      status: 400,
      code: 'invalid_json',
      errors: [{ path: '$.a[0]' }],
    });
    expect(client.requests).toEqual([]);
  });

  test('a POST names line and column of a text that is not JSON, and quotes nothing of it', async () => {
    const { send } = setup();
    const response = await send('POST', schools, '{\n  "name": Lovelace\n}');
    expect(response.json()).toMatchObject({
      code: 'invalid_json',
      detail:
        'Cannot take the document because $.name is not valid JSON: a value is missing or misspelled (line 2, column 11)',
      errors: [{ path: '$.name', line: 2, column: 11 }],
    });
    expect(response.body).not.toContain('Lovelace');
  });

  test.each([
    ['an array', '[]', 'invalid_document', '$'],
    ['null', 'null', 'invalid_document', '$'],
    ['nothing', '', 'invalid_json', '$'],
    ['an id', `{"id":"${documentId}"}`, 'invalid_document', '$.id'],
  ])('a POST refuses %s', async (_what, payload, code, path) => {
    const { send } = setup();
    expect((await send('POST', schools, payload)).json()).toMatchObject({
      status: 400,
      code,
      errors: [{ path }],
    });
  });

  test('a POST keeps an id that is a member of the resource itself', async () => {
    const { client, send } = setup();
    await send('POST', '/data/ed-fi/things', '{"id":7}');
    expect(client.requests[0]?.body).toBe('{"id":7}');
  });

  test('a POST refuses other media types, compression and large bodies', async () => {
    const { send } = setup({ limits: { bodyBytesMax: 100 } });
    const other = await send('POST', schools, 'a=b', { 'content-type': 'application/x-www-form-urlencoded' });
    expect(other.json()).toMatchObject({ status: 415, code: 'unsupported_media_type' });
    expect(other.json().detail).toContain('application/json');
    const zipped = await send('POST', schools, '{}', { 'content-encoding': 'gzip' });
    expect(zipped.json()).toMatchObject({ status: 415, code: 'unsupported_media_type' });
    const large = await send('POST', schools, JSON.stringify({ a: 'x'.repeat(100) }));
    expect(large.json()).toMatchObject({ status: 413, code: 'payload_too_large' });
    expect(large.json().detail).toContain('100 bytes');
    const suffixed = await send('POST', schools, '{}', { 'content-type': 'application/vnd.ed-fi+json' });
    expect(suffixed.statusCode).toBe(201);
  });
});

describe('PUT and DELETE', () => {
  test('a PUT and a DELETE answer 204', async () => {
    const { client, send } = setup();
    client.answer = () => ({ ...created, result: 'updated' });
    const put = await send('PUT', school.toUpperCase().replace('/DATA', '/data'), '{}', {
      'if-match': '"x"',
    });
    expect(put.statusCode).toBe(204);
    expect(put.headers).toMatchObject({ location: school, etag: '"abc"' });
    client.answer = () => ({ ...created, result: 'deleted', contentHash: null });
    const removed = await send('DELETE', school, undefined, { 'if-match': '*' });
    expect(removed.statusCode).toBe(204);
    expect(client.requests).toMatchObject([
      { operation: 'update', documentId, ifMatch: 'x', body: '{}' },
      { operation: 'delete', documentId, ifMatch: '*', body: null },
    ]);
  });

  test('a PUT removes the id that a GET added to the document, and changes nothing else', async () => {
    const { client, send } = setup();
    const bodies = [
      '{"id": "ID", "a": 1.0}',
      '{"a": 1.0,"id":"ID" }',
      '{"id":"ID"}',
      '{"a":{"id":1}, "id":"ID","b":2}',
    ];
    for (const body of bodies) await send('PUT', school, body.replace('ID', documentId));
    expect(client.requests.map(({ body }) => body)).toEqual([
      '{ "a": 1.0}',
      '{"a": 1.0}',
      '{}',
      '{"a":{"id":1},"b":2}',
    ]);
    expect(client.requests[3]?.document).toEqual({ a: { id: 1 }, b: 2 });
    const other = await send('PUT', school, `{"id":"${writeId}"}`);
    expect(other.json()).toMatchObject({ code: 'invalid_document', errors: [{ path: '$.id' }] });
  });

  test('a PUT and a DELETE answer 404 for a malformed id, and 400 for several tags', async () => {
    const { send } = setup();
    expect((await send('DELETE', `${schools}/17`)).json()).toMatchObject({ code: 'document_not_found' });
    const several = await send('DELETE', school, undefined, { 'if-match': '"a", "b"' });
    expect(several.json()).toMatchObject({ status: 400, code: 'invalid_request' });
  });

  test.each(['POST', 'PUT', 'DELETE'] as const)(
    'a %s with If-Unmodified-Since is refused, because it would overwrite, unless If-Match decides',
    async (method) => {
      const { client, send } = setup();
      const url = method === 'POST' ? schools : school;
      const dated = { 'if-unmodified-since': 'Thu, 01 Jan 2026 00:00:00 GMT' };
      const refused = await send(method, url, method === 'DELETE' ? undefined : '{}', dated);
      expect(refused.json()).toMatchObject({
        status: 400,
        code: 'invalid_request',
        detail: 'Cannot use If-Unmodified-Since on a write: use If-Match',
      });
      expect(client.requests).toEqual([]);
      await send(method, url, method === 'DELETE' ? undefined : '{}', { ...dated, 'if-match': '"x"' });
      expect(client.requests).toMatchObject([{ ifMatch: 'x' }]);
    },
  );
});

describe('a refusal', () => {
  test('a refusal names the missing references', async () => {
    const { client, send } = setup();
    const missing = [
      {
        referentialId: writeId,
        resource: 'Student',
        path: '$.studentReference',
        reason: 'never_seen' as const,
      },
    ];
    client.answer = () => refused('unresolved_reference', { missing });
    const response = await send('POST', schools, '{}');
    expect(response.statusCode).toBe(409);
    expect(response.headers['retry-after']).toBeUndefined();
    expect(response.json()).toEqual({
      type: 'urn:sluice:error:unresolved_reference',
      title: 'Unresolved reference',
      status: 409,
      detail: 'The document refers to a document that does not exist.',
      code: 'unresolved_reference',
      writeId,
      errors: [{ path: '$.studentReference', message: 'refers to a Student that does not exist' }],
      missing,
    });
  });

  test('a refusal names the documents that refer, or the one that has the identity', async () => {
    const { client, send } = setup();
    client.answer = () => refused('document_referenced', { referredBy: ['ed-fi/sessions'] });
    expect((await send('DELETE', school)).json()).toMatchObject({ referredBy: ['ed-fi/sessions'] });
    const conflictsWith = { documentId, resource: 'ed-fi/schools' };
    client.answer = () => refused('identity_conflict', { conflictsWith });
    expect((await send('PUT', school, '{}')).json()).toMatchObject({ conflictsWith });
  });

  test('a refusal that may be retried says when', async () => {
    const { client, send } = setup();
    client.answer = () => refused('cancelled');
    const response = await send('POST', schools, '{}');
    expect([response.statusCode, response.headers['retry-after']]).toEqual([503, '1']);
  });

  test('a refusal for a dead letter does not show the error of the database', async () => {
    const { client, send } = setup();
    client.answer = () =>
      refused('dead_letter', { error: { code: 'XX000', constraint: 'secret', table: 'secret' } });
    expect((await send('POST', schools, '{}')).body).not.toContain('secret');
  });
});

describe('an error', () => {
  test('an error of the table keeps its sentence, its places and its time to retry', async () => {
    const { client, send } = setup();
    client.answer = () => {
      throw new SluiceError('rate_limited', 'Cannot take more', {
        retryAfterSeconds: 7,
        detail: { limit: 10 },
      });
    };
    const response = await send('POST', schools, '{}');
    expect(response.statusCode).toBe(429);
    expect(response.headers['retry-after']).toBe('7');
    expect(response.json()).toMatchObject({ detail: 'Cannot take more', limit: 10 });
  });

  test('an error of the model is answered as an invalid document', async () => {
    const { client, send } = setup();
    client.answer = () => {
      throw new ModelError('identity_missing', 'Cannot identify', '$.schoolId');
    };
    expect((await send('POST', schools, '{}')).json()).toMatchObject({
      code: 'invalid_document',
      errors: [{ path: '$.schoolId' }],
    });
  });

  test('an unexpected error shows nothing of its message, in answer or log', async () => {
    const lines: string[] = [];
    const logger = pino({ level: 'warn' }, { write: (line: string) => lines.push(line) });
    const { client, send } = setup({ logger });
    client.answer = () => {
      throw new SluiceError('database_unavailable', 'secret host');
    };
    expect((await send('POST', schools, '{}')).body).not.toContain('secret');
    client.answer = () => {
      throw new TypeError('secret document');
    };
    const response = await send('POST', schools, '{}');
    expect(response.json()).toMatchObject({
      code: 'internal',
      status: 500,
      detail: errorTable.internal.detail,
    });
    expect(response.body + lines.join('')).not.toContain('secret');
    const { correlationId } = response.json<{ correlationId: string }>();
    expect(lines.join('')).toContain(correlationId);
  });

  test('an unknown URL is answered with a problem', async () => {
    const { get, send } = setup();
    for (const response of [
      await get('/nowhere'),
      await send('DELETE', '/data/ed-fi/unknown'),
      await get('/data/%ff/x'),
    ]) {
      expect(response.headers['content-type']).toBe('application/problem+json; charset=utf-8');
      expect(response.statusCode).toBeOneOf([400, 404]);
    }
  });
});

test.each([
  '/docs/static/%2e%2e/%2e%2e/package.json',
  '/docs/static/../../package.json',
  '/docs/static/..%2f..%2fpackage.json',
  '/docs/static/%5c..%5cpackage.json',
  '/..%2fpackage.json',
])('a path that leads out of the folder of the pages is refused: %s', async (path) => {
  const lines: string[] = [];
  const { api } = setup({ logger: pino({ level: 'warn' }, { write: (line: string) => lines.push(line) }) });
  onTestFinished(() => api.close());
  await api.listen({ port: 0 });
  // Sent as it is: what makes requests for tests would tidy it up.
  const { port } = api.server.address() as AddressInfo;
  const [response] = (await once(request({ port, path }), 'response')) as [IncomingMessage];
  expect(response.statusCode).toBe(404);
  expect(JSON.parse(await text(response))).toMatchObject({ code: 'endpoint_not_found' });
  expect(lines).toEqual([]);
});

describe('Idempotency-Key', () => {
  test.each([
    ['abc-1', 'abc-1'],
    ['"abc"', 'abc'],
    ['"a\\"b"', 'a"b'],
  ])('the header Idempotency-Key: %s gives the key %s', async (header, key) => {
    const { client, send } = setup();
    await send('POST', schools, '{}', { 'idempotency-key': header });
    expect(client.requests[0]?.idempotencyKey).toBe(key);
  });

  test.each(['a b', 'x'.repeat(256), '""', 'é'])(
    'the header Idempotency-Key: %s is refused',
    async (header) => {
      const { send } = setup();
      const response = await send('POST', schools, '{}', { 'idempotency-key': header });
      expect(response.json()).toMatchObject({ status: 400, code: 'invalid_request' });
    },
  );
});

describe('Prefer', () => {
  test('respond-async answers 202 with the location of the write', async () => {
    const { client, send } = setup();
    const response = await send('POST', schools, '{}', { prefer: 'respond-async' });
    expect(response.statusCode).toBe(202);
    expect(response.headers).toMatchObject({
      location: `/writes/${writeId}`,
      'preference-applied': 'respond-async',
    });
    expect(client.waits).toEqual([]);
    const both = await send('POST', schools, '{}', { prefer: 'respond-async, wait-for-references=60' });
    expect(both.statusCode).toBe(202);
    expect(both.headers['preference-applied']).toBe('respond-async, wait-for-references=60');
    expect(client.requests.map((request) => request.waitForReferencesSeconds)).toEqual([null, 60]);
  });

  test('wait and wait-for-references reach the client', async () => {
    const { client, send } = setup({ waitMs: 1_000 });
    const both = await send('POST', schools, '{}', {
      prefer: 'wait=5; x=y, Wait-For-References="60", other',
    });
    expect(both.headers['preference-applied']).toBe('wait=5, wait-for-references=60');
    await send('POST', schools, '{}', { prefer: 'wait-for-references=60' });
    await send('POST', schools, '{}', { prefer: 'x="a, wait=soon"' });
    expect(client.requests.map((request) => request.waitForReferencesSeconds)).toEqual([60, 60, null]);
    expect(client.waits).toEqual([5_000, 65_000, 1_000]);
  });

  test('the first of a repeated preference counts, and a long time is cut to the longest allowed', async () => {
    const { client, send } = setup({ limits: { waitSecondsMax: 600 } });
    const response = await send('POST', schools, '{}', { prefer: 'wait=99999999999, wait=x' });
    expect(response.headers['preference-applied']).toBe('wait=600');
    expect(client.waits).toEqual([600_000]);
  });

  test.each([
    ['wait=abc', 'wait is not a whole number of seconds'],
    ['wait=-1', 'wait is not a whole number of seconds'],
    ['wait=1e9', 'wait is not a whole number of seconds'],
    ['wait=1.5', 'wait is not a whole number of seconds'],
    ['wait', 'wait is not a whole number of seconds'],
    ['respond-async, wait=', 'wait is not a whole number of seconds'],
    ['wait-for-references=x', 'wait-for-references is not a whole number of seconds'],
    ['respond-async=no', 'respond-async takes no value'],
  ])('the preference %s is refused, and nothing is written', async (prefer, reason) => {
    const { client, send, api } = setup();
    const response = await send('POST', schools, '{}', { prefer });
    expect(response.statusCode).toBe(400);
    expect(response.json()).toMatchObject({
      code: 'invalid_request',
      header: 'Prefer',
      detail: `Cannot read the header Prefer because ${reason}`,
    });
    const headers = { 'content-type': 'application/x-ndjson', prefer };
    expect((await api.inject({ method: 'POST', url: '/bulk', headers, payload: '{}\n' })).statusCode).toBe(
      400,
    );
    expect(client.requests).toEqual([]);
  });
});

describe('GET', () => {
  test('a GET returns the stored text with the id first', async () => {
    const { client, get } = setup();
    client.documents = [stored('{"schoolId": 1.0, "big": 12345678901234567890.10}')];
    const response = await get(school);
    expect(response.statusCode).toBe(200);
    expect(response.body).toBe(`{"id": "${documentId}", "schoolId": 1.0, "big": 12345678901234567890.10}`);
    expect(response.headers).toMatchObject({
      etag: '"abc"',
      'last-modified': 'Fri, 02 Jan 2026 03:04:05 GMT',
      'content-type': 'application/json; charset=utf-8',
    });
    client.documents = [stored('{}')];
    expect((await get(school)).json()).toEqual({ id: documentId });
    expect((await get(`${schools}/${writeId}`)).json()).toMatchObject({ code: 'document_not_found' });
  });

  test.each([
    ['"abc"', 304],
    ['W/"abc"', 304],
    ['"x", "abc"', 304],
    ['*', 304],
    ['"x"', 200],
  ])('a GET with If-None-Match %s answers %i', async (header, status) => {
    const { client, get } = setup();
    client.documents = [stored('{"schoolId": 1}')];
    const response = await get(school, { 'if-none-match': header });
    expect([response.statusCode, response.headers.etag]).toEqual([status, '"abc"']);
  });

  const [before, then, after] = ['03:04:04', '03:04:05', '03:04:06'].map(
    (time) => `Fri, 02 Jan 2026 ${time} GMT`,
  );
  test.each([
    [{ 'if-match': '"abc"' }, 200],
    [{ 'if-match': 'W/"x", "abc"' }, 200],
    [{ 'if-match': '*' }, 200],
    [{ 'if-match': ' ' }, 200],
    [{ 'if-match': '"x"' }, 412],
    [{ 'if-match': '"x"', 'if-none-match': '"abc"' }, 412],
    [{ 'if-match': '"abc"', 'if-none-match': '"abc"' }, 304],
    [{ 'if-match': '"abc"', 'if-unmodified-since': before }, 200],
    [{ 'if-unmodified-since': before }, 412],
    [{ 'if-unmodified-since': 'Friday, 02-Jan-26 03:04:04 GMT' }, 412],
    [{ 'if-unmodified-since': 'Fri Jan  2 03:04:04 2026' }, 412],
    [{ 'if-unmodified-since': 'Fri Jan  2 03:04:05 2026' }, 200],
    [{ 'if-unmodified-since': then }, 200],
    [{ 'if-unmodified-since': after }, 200],
    [{ 'if-unmodified-since': '2025' }, 200],
    [{ 'if-unmodified-since': 'x' }, 200],
  ])('a GET with the conditions %j answers %i', async (headers, status) => {
    const { client, get } = setup();
    client.documents = [stored('{"schoolId": 1}')];
    const response = await get(school, headers);
    const code = response.statusCode === 412 ? response.json().code : null;
    expect([response.statusCode, response.headers.etag]).toEqual([status, '"abc"']);
    expect(code).toBe(status === 412 ? 'precondition_failed' : null);
    expect((await get(`${schools}/${writeId}`, headers)).statusCode).toBe(404);
  });

  test('a GET lists a page, and counts the documents if asked', async () => {
    const { client, get } = setup();
    client.documents = Array.from({ length: 30 }, (_, index) => stored(`{"schoolId": ${index}}`));
    const first = await get(schools);
    expect(first.json()).toHaveLength(25);
    expect(first.headers['total-count']).toBeUndefined();
    const last = await get(`${schools}?offset=29&limit=500&totalCount=true`);
    expect(last.json()).toEqual([{ id: documentId, schoolId: 29 }]);
    expect(last.headers['total-count']).toBe('30');
  });

  test.each([
    'limit=501',
    'limit=-1',
    'limit=x',
    'offset=1.5',
    'totalCount=yes',
    'schoolId=1',
    'limit=1&limit=2',
  ])('a GET refuses %s', async (query) => {
    const { get } = setup();
    expect((await get(`${schools}?${query}`)).json()).toMatchObject({ status: 400, code: 'invalid_request' });
  });

  test('a GET of a write returns its state', async () => {
    const { client, get } = setup();
    expect((await get(`/writes/${writeId}`)).json()).toMatchObject({ code: 'write_not_found' });
    expect((await get('/writes/x')).statusCode).toBe(404);
    const state = {
      writeId,
      resource: 'ed-fi/schools',
      acceptedAt: '2026-01-02T03:04:05.678Z',
      blockedAt: null,
      settledAt: null,
      awaits: [],
    };
    client.write = { ...state, state: 'ready', outcome: null };
    const pending = await get(`/writes/${writeId}`);
    expect(pending.json()).toEqual({ ...state, state: 'ready', outcome: null });
    expect(pending.headers['retry-after']).toBe('1');
    client.write = { ...state, state: 'settled', outcome: created };
    expect((await get(`/writes/${writeId}`)).json()).toMatchObject({
      outcome: { status: 201, result: 'created', id: documentId, etag: 'abc', location: school },
    });
  });

  test('a GET of many writes returns their states, and leaves out unknown ones', async () => {
    const { client, send } = setup();
    const times = { acceptedAt: null, blockedAt: null, settledAt: null };
    const state = { writeId, resource: 'ed-fi/schools', ...times, awaits: [] };
    client.write = { ...state, state: 'settled', outcome: created };
    const ask = (body: unknown) => send('POST', '/writes/query', JSON.stringify(body));
    const response = await ask({ ids: [writeId, documentId, 'x'] });
    expect(response.statusCode).toBe(200);
    expect(response.json()).toMatchObject([
      { writeId, state: 'settled', outcome: { status: 201, result: 'created', id: documentId } },
    ]);
    expect(client.asked).toEqual([[writeId, documentId]]);
    for (const body of [{}, null, [], { ids: writeId }, { ids: [1] }, { ids: Array(1_001).fill(writeId) }]) {
      expect((await ask(body)).json()).toMatchObject({ status: 400, code: 'invalid_request' });
    }
  });

  test.each(['created', 'updated', 'unchanged'] as const)(
    'a GET shows the outcome of a write: %s',
    async (result) => {
      const { client, send } = setup();
      client.answer = () => ({ ...created, result });
      expect((await send('POST', schools, '{}')).headers['sluice-result']).toBe(result);
    },
  );
});

describe('bulk', () => {
  const line = (document: string, rest = '') => `{"endpoint":"/ed-fi/schools","document":${document}${rest}}`;

  test('a bulk request answers each line, and hands over each document exactly as it is spelled', async () => {
    const { client, bulk } = setup();
    const answers = await bulk(
      `${line('{"schoolId": 1.0 }')}\n\n${line('{"a":"\\u00e9"}')}\r\n${line('{}')}`,
    );
    expect(answers).toEqual(
      [1, 3, 4].map((line) => ({ line, status: 201, result: 'created', id: documentId, etag: 'abc' })),
    );
    expect(client.requests.map(({ body }) => body)).toEqual(['{"schoolId": 1.0 }', '{"a":"\\u00e9"}', '{}']);
  });

  test('a bad line of a bulk request does not affect other lines', async () => {
    const { client, bulk } = setup({ limits: { bodyBytesMax: 5_000, bodyDepthMax: 4 } });
    client.answer = ({ document }) =>
      (document as { schoolId?: number }).schoolId === 7 ? refused('precondition_failed') : created;
    const bad: [string, number, string?][] = [
      ['{"endpoint":', 400, '$.endpoint'],
      [line('{"a":{"b":"\\ud800"}}'), 400, '$.a.b'],
      [line('{"a":[[[[1]]]]}'), 400, '$.a[0][0][0]'],
      [line('[]'), 400, '$'],
      [line('{"id":1}'), 400, '$.id'],
      [line('{}', ',"documents":1'), 400],
      [line('{}', ',"operation":"merge"'), 400],
      [line('{}', ',"operation":"update"'), 404],
      [line('{}', ',"idempotencyKey":"a b"'), 400],
      ['{"endpoint":"/ed-fi/schools"}', 400],
      ['{"endpoint":"/ed-fi/none","document":{}}', 404],
      ['[]', 400],
      [line(`{"a":"${'x'.repeat(10_000)}"}`), 413],
      [line('{"schoolId":7}'), 412],
    ];
    const answers = await bulk(bad.flatMap(([text]) => [text, line('{}')]).join('\n'));
    expect(answers.map(({ status }) => status)).toEqual(bad.flatMap(([, status]) => [status, 201]));
    const paths = answers
      .filter((_, index) => index % 2 === 0)
      .map(({ problem }) => (problem as { errors?: { path: string }[] }).errors?.[0]?.path);
    expect(paths).toEqual(bad.map(([, , path]) => path));
  });

  test('a bulk request updates and deletes by id', async () => {
    const { client, bulk } = setup();
    client.answer = ({ operation }) => ({
      ...created,
      result: operation === 'delete' ? 'deleted' : 'updated',
    });
    const answers = await bulk(
      [
        line(
          `{"id":"${documentId}","a":1.0}`,
          `,"operation":"update","id":"${documentId}","ifMatch":"\\"x\\""`,
        ),
        `{"endpoint":"/ed-fi/schools","operation":"delete","id":"${documentId}","idempotencyKey":"k"}`,
      ].join('\n'),
    );
    expect(answers.map(({ status }) => status)).toEqual([204, 204]);
    expect(client.requests).toMatchObject([
      { operation: 'update', documentId, ifMatch: 'x', body: '{"a":1.0}' },
      { operation: 'delete', documentId, ifMatch: null, body: null, idempotencyKey: 'k' },
    ]);
  });

  test('a bulk request keeps a bounded number of writes under way', async () => {
    const { client, bulk } = setup({ limits: { bulkWritesMax: 3 } });
    let underWay = 0;
    let most = 0;
    client.answer = async () => {
      most = Math.max(most, ++underWay);
      await new Promise((resolve) => setImmediate(resolve));
      underWay--;
      return created;
    };
    expect(await bulk(Array.from({ length: 50 }, () => line('{}')).join('\n'))).toHaveLength(50);
    expect(most).toBe(3);
  });

  test('a bulk request reads on while all its writes wait for references', async () => {
    const { client, bulk } = setup({ limits: { bulkWritesMax: 2 } });
    let release = (): void => {};
    const provided = new Promise<void>((resolve) => (release = resolve));
    client.answer = async ({ document }) => {
      if ('provides' in (document as object)) release();
      else await provided;
      return created;
    };
    const lines = [...Array.from({ length: 5 }, () => line('{}')), line('{"provides":1}')].join('\n');
    expect(await bulk(lines, '/bulk?waitForReferences=60')).toHaveLength(6);
    expect(client.requests[0]?.waitForReferencesSeconds).toBe(60);
    expect(client.waits[0]).toBe(65_000);
  });

  test('a bulk request is answered while lines are still being sent', async () => {
    const { api } = setup();
    const url = await api.listen({ port: 0 });
    let controller!: ReadableStreamDefaultController<Uint8Array>;
    const body = new ReadableStream<Uint8Array>({ start: (opened) => void (controller = opened) });
    const sendLine = () => controller.enqueue(Buffer.from(`${line('{}')}\n`));
    sendLine();
    const response = await fetch(`${url}/bulk`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body,
      duplex: 'half',
    } as RequestInit);
    const reader = response.body!.getReader();
    for (let sent = 1; sent <= 3; sent++) {
      const { value } = await reader.read();
      expect(JSON.parse(Buffer.from(value!).toString())).toMatchObject({ line: sent, status: 201 });
      sendLine();
    }
    controller.close();
    while (!(await reader.read()).done);
    await api.close();
  });

  test('a bulk request with respond-async returns the id of each write', async () => {
    const { bulk } = setup();
    expect(await bulk(line('{}'), '/bulk', { prefer: 'respond-async' })).toEqual([
      { line: 1, status: 202, writeId },
    ]);
  });

  test('a bulk request takes no other media type', async () => {
    const { send } = setup();
    expect((await send('POST', '/bulk', '{}')).json()).toMatchObject({ status: 415 });
    expect((await send('POST', '/bulk')).json()).toMatchObject({ status: 415 });
  });
});

describe('operations', () => {
  test('healthz says that the process is up, and readyz says whether it takes writes', async () => {
    const { client, get } = setup();
    expect((await get('/healthz')).json()).toEqual({ status: 'up' });
    expect((await get('/readyz')).json()).toEqual({
      status: 'ready',
      mode: 'coordinated',
      hints: 'notify',
      waiting: 0,
      lanesWithoutLeader: 0,
      lanesOverloaded: 0,
    });
    client.health = { ...client.health, isListening: false, isDatabaseReachable: false };
    const broken = await get('/readyz');
    expect(broken.statusCode).toBe(503);
    expect(broken.json()).toMatchObject({ code: 'database_unavailable', hints: 'poll' });
    client.health = { ...client.health, isStarted: false };
    expect((await get('/readyz')).json()).toMatchObject({ code: 'stopping' });
  });

  test('openapi.json has the paths of the resources and every error', async () => {
    const { get } = setup({ basePath: '/v1' });
    const document = (await get('/v1/openapi.json')).json<{
      info: { description: string };
      paths: Record<
        string,
        Record<string, { requestBody?: { content: Record<string, { schema: object }> } }>
      >;
    }>();
    expect(Object.keys(document.paths)).toEqual(
      expect.arrayContaining([
        '/v1/data/ed-fi/schools',
        '/v1/data/ed-fi/schools/{id}',
        '/v1/bulk',
        '/v1/writes/{id}',
      ]),
    );
    expect(
      document.paths['/v1/data/ed-fi/schools']?.['post']?.requestBody?.content['application/json']?.schema,
    ).toEqual({
      type: 'object',
      properties: { schoolId: { type: 'integer' } },
    });
    for (const [code, { status }] of Object.entries(errorTable)) {
      expect(document.info.description).toContain(`\`${code}\` | ${status}`);
    }
    const page = await get('/v1/docs/');
    expect([page.statusCode, page.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
  });
});

describe('a known URL', () => {
  test.each([
    ['PATCH', schools, 'GET, HEAD, OPTIONS, POST'],
    ['PUT', schools, 'GET, HEAD, OPTIONS, POST'],
    ['DELETE', `${schools}/`, 'GET, HEAD, OPTIONS, POST'],
    ['POST', school, 'DELETE, GET, HEAD, OPTIONS, PUT'],
    ['PATCH', school, 'DELETE, GET, HEAD, OPTIONS, PUT'],
    ['GET', '/bulk', 'OPTIONS, POST'],
    ['DELETE', `/writes/${writeId}`, 'GET, HEAD, OPTIONS'],
    ['DELETE', '/writes/query?x=1', 'GET, HEAD, OPTIONS, POST'],
    ['POST', '/healthz', 'GET, HEAD, OPTIONS'],
    ['PUT', '/readyz', 'GET, HEAD, OPTIONS'],
    ['DELETE', '/openapi.json', 'GET, HEAD, OPTIONS'],
    ['POST', '/docs', 'GET, HEAD, OPTIONS'],
  ] as const)(
    'a known URL answers %s %s with 405 and its methods, whatever the body',
    async (method, url, allow) => {
      const { client, api } = setup();
      const headers = { 'content-type': 'application/x-odd' };
      const response = await api.inject({
        method,
        url,
        headers,
        ...(method === 'GET' ? {} : { payload: '{' }),
      });
      expect(response.statusCode).toBe(405);
      expect(response.headers.allow).toBe(allow);
      expect(response.json()).toMatchObject({ code: 'method_not_allowed', status: 405 });
      expect(client.requests).toEqual([]);
    },
  );

  test('a known URL names its methods for OPTIONS, and answers HEAD as GET', async () => {
    const { client, api } = setup({ basePath: '/v1' });
    client.documents = [stored('{"schoolId": 1}')];
    const options = await api.inject({ method: 'OPTIONS', url: `/v1${schools}` });
    expect([options.statusCode, options.headers.allow, options.body]).toEqual([
      204,
      'GET, HEAD, OPTIONS, POST',
      '',
    ]);
    const head = await api.inject({ method: 'HEAD', url: `/v1${school}` });
    expect([head.statusCode, head.headers.etag, head.body]).toEqual([200, '"abc"', '']);
  });

  test.each(['/data/ed-fi/unknown', '/data/ed-fi/unknown/1', '/nowhere', '/data', '/', '/schools'])(
    'a path that is not %s answers 404 to every method',
    async (url) => {
      const { api } = setup();
      for (const method of ['PATCH', 'DELETE', 'OPTIONS', 'GET'] as const) {
        const response = await api.inject({ method, url });
        expect(response.statusCode).toBe(404);
        expect(response.headers.allow).toBeUndefined();
      }
    },
  );
});

describe('a charset', () => {
  const types = ['application/json', 'application/vnd.x+json'];
  test.each(types)('a charset other than UTF-8 is refused by its name: %s', async (type) => {
    const { client, send } = setup();
    for (const charset of ['iso-8859-1', '"ISO-8859-1"', 'utf-16', 'windows-1252; x=y']) {
      const headers = { 'content-type': `${type}; charset=${charset}` };
      const response = await send('POST', schools, Buffer.from([0x7b, 0x7d]), headers);
      expect(response.statusCode).toBe(415);
      const name = charset.replaceAll('"', '').replace(/;.*/, '');
      expect(response.json().detail).toBe(`Cannot take the body because its charset is not UTF-8: ${name}`);
    }
    expect(client.requests).toEqual([]);
  });

  test.each(['/bulk', '/writes/query'])('a charset other than UTF-8 is refused on %s, too', async (url) => {
    const { api } = setup();
    const type = url === '/bulk' ? 'application/x-ndjson' : 'application/json';
    const headers = { 'content-type': `${type};charset=iso-8859-1` };
    const response = await api.inject({ method: 'POST', url, headers, payload: '{"ids":[]}' });
    expect([response.statusCode, response.json().detail]).toEqual([
      415,
      'Cannot take the body because its charset is not UTF-8: iso-8859-1',
    ]);
  });

  test('the charset UTF-8 or a part of it is taken, in any case and quoted', async () => {
    const { send, bulk } = setup();
    for (const charset of ['utf-8', 'UTF-8', '"utf-8"', 'utf8', 'us-ascii']) {
      const headers = { 'content-type': `application/json; charset=${charset}` };
      expect((await send('POST', schools, '{}', headers)).statusCode).toBe(201);
    }
    const line = '{"endpoint":"/ed-fi/schools","document":{}}';
    const answers = await bulk(line, '/bulk', { 'content-type': 'application/x-ndjson; charset=utf-8' });
    expect(answers).toMatchObject([{ status: 201 }]);
  });

  test.each([
    [Buffer.from([0xef, 0xbb, 0xbf, 0x7b, 0x7d]), 'begins with a byte order mark'],
    [Buffer.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xe9, 0x22, 0x7d]), 'holds bytes that are not UTF-8'],
  ])('a body without a charset must be UTF-8, and other bytes are refused (%#)', async (body, sentence) => {
    const { send, bulk } = setup();
    expect((await send('POST', schools, body)).json().errors[0].message).toBe(sentence);
    const [answer] = await bulk(body);
    expect(answer).toMatchObject({ status: 400, problem: { code: 'invalid_json' } });
  });
});

test.each(['"abc', 'abc"', '"a"b"', '"a", "b"', ''])('If-Match: %s is refused as malformed', async (tag) => {
  const { client, send } = setup();
  const response = await send('PUT', school, '{}', { 'if-match': tag });
  expect(response.json()).toMatchObject({
    status: 400,
    detail: 'Cannot read If-Match: it is not one entity tag or *',
  });
  expect(client.requests).toEqual([]);
});
