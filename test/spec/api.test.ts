// HTTP on top of everything: a node and a writer on a real PostgreSQL.

import { randomUUID } from 'node:crypto';
import { createApi } from '@sluice/server/api';
import { createClient } from 'sluice/internal/client';
import { parseModel } from 'sluice/model';
import { createWriter } from 'sluice/internal/writer';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { patient } from '../support/patient.ts';

const model = parseModel({
  project: 'Sample',
  resources: [
    { name: 'School', endpoint: 'sample/schools', identity: ['$.schoolId'] },
    {
      name: 'Session',
      endpoint: 'sample/sessions',
      identity: ['$.sessionName', '$.schoolReference.schoolId'],
      references: [
        {
          resource: 'School',
          paths: [{ identity: '$.schoolId', path: '$.schoolReference.schoolId' }],
        },
      ],
    },
    { name: 'Note', endpoint: 'sample/notes', identity: ['$.noteId'] },
  ],
});

const database = useDatabase();
let api: ReturnType<typeof createApi>;
let stop: () => Promise<void>;

beforeAll(async () => {
  const client = createClient({ ...patient, url: database.apiUrl, model });
  const writer = createWriter({ url: database.writerUrl, model });
  await Promise.all([client.start(), writer.start()]);
  api = createApi({ client });
  stop = async () => {
    await api.close();
    await client.stop();
    await writer.stop();
  };
});
afterAll(() => stop());

type Headers = Record<string, string>;

async function send(method: 'POST' | 'PUT' | 'DELETE', url: string, body?: unknown, headers: Headers = {}) {
  const payload = body === undefined || Buffer.isBuffer(body) ? body : textOf(body);
  return api.inject({
    method,
    url,
    headers: { ...(payload === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(payload === undefined ? {} : { payload }),
  });
}

const get = (url: string, headers: Headers = {}) => api.inject({ method: 'GET', url, headers });

const textOf = (body: unknown): string => (typeof body === 'string' ? body : JSON.stringify(body));

interface Answer {
  line: number;
  status: number;
  id?: string;
  etag?: string;
  problem?: { code: string; errors?: { path: string }[] };
}

async function bulk(lines: (string | Buffer)[], url = '/bulk'): Promise<Answer[]> {
  const newline = Buffer.from('\n');
  const response = await api.inject({
    method: 'POST',
    url,
    headers: { 'content-type': 'application/x-ndjson' },
    payload: Buffer.concat(lines.flatMap((line) => [Buffer.from(line), newline])),
  });
  expect(response.statusCode).toBe(200);
  return response.body
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Answer)
    .sort((a, b) => a.line - b.line);
}

let number = 0;
/** One that nobody has used yet. */
const fresh = (): number => ++number;

describe('a document', () => {
  test('a document is created, found, replaced and deleted', async () => {
    const schoolId = fresh();
    const created = await send('POST', '/data/sample/schools', { schoolId, name: 'Élan 😀' });
    expect(created.statusCode).toBe(201);
    const url = created.headers.location as string;
    const etag = created.headers.etag as string;

    const found = await get(url);
    expect(found.json()).toEqual({ id: url.split('/').at(-1), schoolId, name: 'Élan 😀' });
    expect(found.headers.etag).toBe(etag);
    expect((await get(url, { 'if-none-match': etag })).statusCode).toBe(304);

    const again = await send('POST', '/data/sample/schools', { name: 'Élan 😀', schoolId });
    expect([again.statusCode, again.headers.location, again.headers.etag]).toEqual([200, url, etag]);

    const replaced = await send('PUT', url, { ...found.json<object>(), name: 'Neu' }, { 'if-match': etag });
    expect(replaced.statusCode).toBe(204);
    expect(replaced.headers.etag).not.toBe(etag);
    const late = await send('PUT', url, { schoolId, name: 'Late' }, { 'if-match': etag });
    expect(late.json()).toMatchObject({ status: 412, code: 'precondition_failed' });
    expect((await get(url)).json()).toMatchObject({ name: 'Neu' });

    expect((await send('DELETE', url)).statusCode).toBe(204);
    expect((await get(url)).json()).toMatchObject({ status: 404, code: 'document_not_found' });
    expect((await send('DELETE', url)).json()).toMatchObject({ status: 404, code: 'document_not_found' });
  });

  test('a document keeps its numbers and characters as they were spelled', async () => {
    const schoolId = fresh();
    const text = `{"schoolId":${schoolId},"a":1.0,"b":1.50,"c":9007199254740991,"d":0.1,"e":1e3,"f":"\\u0001\\ud83d\\ude00","__proto__":{"x":1},"constructor":2}`;
    const { headers } = await send('POST', '/data/sample/schools', text);
    const { body } = await get(headers.location as string);
    expect(body).toContain('"a": 1.0,');
    expect(body).toContain('"b": 1.50,');
    const { id: _, ...document } = JSON.parse(body) as Record<string, unknown>;
    expect(document).toEqual(JSON.parse(text));
  });

  test('a document without its identity, or with a reference to nothing, is refused by path', async () => {
    const nameless = await send('POST', '/data/sample/schools', { name: 'x' });
    expect(nameless.json()).toMatchObject({
      status: 400,
      code: 'invalid_document',
      errors: [{ path: '$.schoolId' }],
    });
    const lost = await send('POST', '/data/sample/sessions', {
      sessionName: 'Fall',
      schoolReference: { schoolId: fresh() },
    });
    expect(lost.json()).toMatchObject({ status: 409, code: 'unresolved_reference' });
    expect(lost.json<{ missing: object[] }>().missing).toHaveLength(1);
  });

  test('a document that others refer to is not deleted', async () => {
    const schoolId = fresh();
    const school = await send('POST', '/data/sample/schools', { schoolId });
    await send('POST', '/data/sample/sessions', { sessionName: 'Fall', schoolReference: { schoolId } });
    const refused = await send('DELETE', school.headers.location as string);
    expect(refused.json()).toMatchObject({
      status: 409,
      code: 'document_referenced',
      referredBy: ['sample/sessions'],
    });
  });

  test('an unknown resource, id or URL is answered 404', async () => {
    const found = await Promise.all([
      get('/data/sample/teachers'),
      get(`/data/sample/schools/${randomUUID()}`),
      get('/data/sample/schools/17'),
      send('PUT', `/data/sample/schools/${randomUUID()}`, { schoolId: 1 }),
      send('POST', '/data/sample/teachers', {}),
      get(`/writes/${randomUUID()}`),
      get('/nothing'),
    ]);
    expect(found.map((response) => [response.statusCode, response.json<{ code: string }>().code])).toEqual([
      [404, 'endpoint_not_found'],
      [404, 'document_not_found'],
      [404, 'document_not_found'],
      [404, 'document_not_found'],
      [404, 'endpoint_not_found'],
      [404, 'write_not_found'],
      [404, 'endpoint_not_found'],
    ]);
  });
});

describe('a list', () => {
  test('a list comes in pages that leave nothing out', async () => {
    const answers = await bulk(
      Array.from({ length: 57 }, (_, noteId) =>
        JSON.stringify({ endpoint: '/sample/notes', document: { noteId } }),
      ),
    );
    expect(answers.every(({ status }) => status === 201)).toBe(true);
    const seen: number[] = [];
    for (const offset of [0, 25, 50, 75]) {
      const page = await get(`/data/sample/notes?offset=${offset}&totalCount=true`);
      expect(page.headers['total-count']).toBe('57');
      seen.push(...page.json<{ noteId: number }[]>().map(({ noteId }) => noteId));
    }
    expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 57 }, (_, noteId) => noteId));
  });
});

describe('a write', () => {
  test('a write with an Idempotency-Key is applied once, and gets the same answer again', async () => {
    const schoolId = fresh();
    const headers = { 'idempotency-key': `"${randomUUID()}"` };
    const first = await send('POST', '/data/sample/schools', { schoolId, name: 'a' }, headers);
    const second = await send('POST', '/data/sample/schools', { schoolId, name: 'a' }, headers);
    expect(first.statusCode).toBe(201);
    expect([second.statusCode, second.headers.location, second.headers.etag]).toEqual([
      201,
      first.headers.location,
      first.headers.etag,
    ]);
    const other = await send('POST', '/data/sample/schools', { schoolId, name: 'b' }, headers);
    expect(other.json()).toMatchObject({ status: 422, code: 'idempotency_key_reused' });
  });

  test('the outcome of a write that was not waited for can be read later', async () => {
    const schoolId = fresh();
    const prefer = { prefer: 'respond-async' };
    const accepted = await send('POST', '/data/sample/schools', { schoolId }, prefer);
    expect(accepted.statusCode).toBe(202);
    const settled = await eventually(async () => {
      const state = (await get(accepted.headers.location as string)).json<{ state: string }>();
      expect(state.state).toBe('settled');
      return state;
    });
    expect(settled).toMatchObject({
      resource: 'sample/schools',
      outcome: { status: 201, result: 'created' },
    });
    const { location } = (settled as unknown as { outcome: { location: string } }).outcome;
    expect((await get(location)).json()).toMatchObject({ schoolId });
  });

  test('a write of a bulk request may refer to a later line', async () => {
    const schoolId = fresh();
    const sessions = Array.from({ length: 300 }, (_, index) =>
      JSON.stringify({
        endpoint: '/sample/sessions',
        document: { sessionName: `S${index}`, schoolReference: { schoolId } },
      }),
    );
    const school = JSON.stringify({ endpoint: '/sample/schools', document: { schoolId } });
    const answers = await bulk([...sessions, school], '/bulk?waitForReferences=20');
    expect(answers.filter(({ status }) => status !== 201)).toEqual([]);
    expect(answers).toHaveLength(301);
  });

  test('a bulk request updates and deletes', async () => {
    const schoolId = fresh();
    const [created] = await bulk([JSON.stringify({ endpoint: '/sample/schools', document: { schoolId } })]);
    const { id, etag } = created!;
    const [updated] = await bulk([
      JSON.stringify({
        endpoint: '/sample/schools',
        operation: 'update',
        id,
        ifMatch: etag,
        document: { schoolId, name: 'x' },
      }),
    ]);
    expect(updated).toMatchObject({ status: 204, id });
    const removal = { endpoint: '/sample/schools', operation: 'delete', id };
    const [stale] = await bulk([JSON.stringify({ ...removal, ifMatch: etag })]);
    expect(stale).toMatchObject({ status: 412, problem: { code: 'precondition_failed' } });
    expect(await bulk([JSON.stringify(removal)])).toMatchObject([{ status: 204 }]);
  });
});

describe('a poison document', () => {
  const raw = (before: string, bytes: number[], after: string) =>
    Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from(after)]);
  const deep = (levels: number) => '{"a":'.repeat(levels) + '1' + '}'.repeat(levels);

  const poisons: [what: string, text: string | Buffer, path: string][] = [
    ['a NUL escape in a value', '{"schoolId":1,"a":["\\u0000"]}', '$.a[0]'],
    ['a NUL escape in a key', '{"schoolId":1,"a":{"\\u0000":1}}', '$.a'],
    ['a lone surrogate', '{"schoolId":1,"a":"\\ud800"}', '$.a'],
    ['a lone low surrogate', '{"schoolId":1,"a":"x\\udfff"}', '$.a'],
    ['a raw NUL', raw('{"schoolId":1,"a":"', [0], '"}'), '$.a'],
    ['invalid UTF-8', raw('{"schoolId":1,"a":"', [0xc3, 0x28], '"}'), '$.a'],
    ['a surrogate in UTF-8', raw('{"schoolId":1,"a":"', [0xed, 0xa0, 0x80], '"}'), '$.a'],
    ['1e400', '{"schoolId":1,"a":1e400}', '$.a'],
    ['1e131073', '{"schoolId":1,"a":1e131073}', '$.a'],
    ['1e999999999', '{"schoolId":1,"a":1e999999999}', '$.a'],
    ['-1e-20000', '{"schoolId":1,"a":-1e-20000}', '$.a'],
    ['9007199254740993', '{"schoolId":1,"a":{"b":9007199254740993}}', '$.a.b'],
    ['duplicate keys', '{"schoolId":1,"a":{"b":1,"b":2}}', '$.a.b'],
    ['nesting of 10,000', `{"schoolId":1,"b":${deep(10_000)}}`, `$.b${'.a'.repeat(63)}`],
    ['nesting of 100,000', `{"schoolId":1,"b":${deep(100_000)}}`, `$.b${'.a'.repeat(63)}`],
    ['NaN', '{"schoolId":1,"a":NaN}', '$.a'],
    ['a byte order mark', '\ufeff{"schoolId":1}', '$'],
    ['nothing', '', '$'],
  ];

  test.each(poisons)('a poison document with %s is refused alone, by path', async (_what, text, path) => {
    const response = await send('POST', '/data/sample/schools', text === '' ? Buffer.alloc(0) : text);
    expect(response.json()).toMatchObject({ status: 400, code: 'invalid_json', errors: [{ path }] });
  });

  test.each(poisons)(
    'a poison document with %s does not affect the other lines',
    async (_what, text, path) => {
      const neighbours = Array.from({ length: 49 }, () =>
        JSON.stringify({ endpoint: '/sample/schools', document: { schoolId: fresh() + 10_000 } }),
      );
      const line = raw('{"endpoint":"/sample/schools","document":', [...Buffer.from(text)], '}');
      const answers = await bulk([...neighbours.slice(0, 25), line, ...neighbours.slice(25)]);
      expect(answers).toHaveLength(50);
      const [poison] = answers.splice(25, 1);
      expect(poison).toMatchObject({
        line: 26,
        status: 400,
        problem: { code: 'invalid_json', errors: [{ path }] },
      });
      expect(answers.every(({ status }) => status === 201)).toBe(true);
    },
  );

  test.each([
    ['1.0 and -0', '{"schoolId":ID,"a":1.0,"b":-0}'],
    ['__proto__ and constructor', '{"schoolId":ID,"__proto__":{"a":1},"constructor":{"prototype":1}}'],
    ['an identity of 5,000 characters', `{"schoolId":"ID${'x'.repeat(5_000)}"}`],
    ['nesting of 64', `{"schoolId":ID,"b":${deep(63)}}`],
  ])('an unusual document is stored unchanged: %s', async (_what, text) => {
    const document = text.replace('ID', String(fresh()));
    const response = await send('POST', '/data/sample/schools', document);
    expect(response.statusCode).toBe(201);
    const { id: _, ...found } = (await get(response.headers.location as string)).json<
      Record<string, unknown>
    >();
    expect(JSON.stringify(sorted(found))).toBe(JSON.stringify(sorted(JSON.parse(document))));
  });
});

describe('a node', () => {
  test('a node is ready, and says how it hears of outcomes', async () => {
    expect((await get('/healthz')).statusCode).toBe(200);
    await eventually(async () => {
      expect((await get('/readyz')).json()).toMatchObject({
        status: 'ready',
        mode: 'coordinated',
        hints: 'notify',
      });
    });
  });
});

/** Entries in order of their keys, as `jsonb` has another. */
function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => [key, sorted(member)]);
}
