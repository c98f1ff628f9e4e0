// The dialect of `/rest`: what a request asks the client for, and what becomes of the outcome. What a write does is tested on
// PostgreSQL, in test/spec/rest.test.ts.
import type { ClientTarget } from 'sluice/internal/client';
import { SluiceError, type Outcome } from 'sluice/internal/protocol';
import type { Column, TableCatalog } from 'sluice/internal/targets';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { createApi, type ApiOptions } from '../api.ts';
import { created, FakeClient, writeId } from '../test-support.ts';

const column = (name: string, more: Partial<Column> = {}): Column => ({
  name,
  type: 'text',
  baseType: 'text',
  category: 'S',
  maxLength: null,
  isNullable: true,
  default: null,
  identity: null,
  isGenerated: false,
  labels: null,
  ...more,
});

function table(name: string, key: string[], columns: Column[]): ClientTarget {
  const [schema = '', ...rest] = name.split('.');
  const catalog: TableCatalog = {
    name,
    schema,
    table: rest.join('.'),
    isPartitioned: false,
    columns,
    key,
    uniques: [],
    foreignKeys: [],
    hasRowSecurity: false,
    triggers: [],
    hash: 'hash',
  };
  return { name, kind: 'table', catalog, keyPaths: [] };
}

const number = { type: 'bigint', baseType: 'int8', category: 'N', isNullable: false };
const orders = table('public.orders', ['id'], [column('id', number), column('total'), column('Note "x"')]);
const items = table(
  'app.Order Item',
  ['order id', 'line'],
  [column('order id', number), column('line', number), column('name')],
);
const counter: ClientTarget = {
  name: 'app.count_views',
  kind: 'function',
  catalog: null,
  keyPaths: ['$.page'],
};

const row: Outcome = {
  ...created,
  resource: 'public.orders',
  documentId: null,
  version: null,
  contentHash: null,
};
const refused = (code: Outcome['code'], detail: Outcome['detail'] = null): Outcome => ({
  ...row,
  result: 'refused',
  code,
  detail,
});

const silent = { logger: pino({ level: 'silent' }) };
const client = new FakeClient();
client.tables = [orders, items, counter];
const sharedApi = createApi({ client, ...silent });

/** One server answers all cases that ask for nothing special, because each costs more than the case. */
function setup(outcome: Outcome = row, options: Omit<ApiOptions, 'client'> = {}) {
  client.rows.length = client.waits.length = 0;
  client.answerRow = () => outcome;
  const api = Object.keys(options).length === 0 ? sharedApi : createApi({ client, ...silent, ...options });
  const send = async (
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS',
    url: string,
    payload?: string,
    headers: Record<string, string> = {},
  ) => {
    const response = await api.inject({
      method,
      url: `${options.basePath ?? ''}/rest${url}`,
      headers: { 'content-type': 'application/json', ...headers },
      ...(payload === undefined ? {} : { payload }),
    });
    const { statusCode: status, body } = response;
    return {
      status,
      body,
      headers: response.headers,
      json: () => JSON.parse(body) as Record<string, unknown>,
    };
  };
  return { client, api, send };
}

const representation = { prefer: 'return=representation' };
const oneObject = { ...representation, accept: 'application/vnd.pgrst.object+json' };

describe('POST', () => {
  test('a REST POST inserts a row, and answers 201 without a body', async () => {
    const { client, send } = setup();
    const answer = await send('POST', '/orders', '{"id":9007199254740993,"total":"1.0"}');
    expect(answer).toMatchObject({ status: 201, body: '' });
    expect(answer.headers).toMatchObject({ 'content-range': '*/*', 'sluice-result': 'created' });
    expect(answer.headers).not.toHaveProperty('location');
    expect(client.rows).toMatchObject([
      {
        target: 'public.orders',
        operation: 'insert',
        body: '{"id":9007199254740993,"total":"1.0"}',
        missing: 'null',
        returning: false,
        client: '',
      },
    ]);
  });

  test('a REST POST answers with the rows of the outcome, and with the requested columns', async () => {
    const rows = [{ id: 1, total: '1', 'Note "x"': null }];
    const { client, send } = setup({
      ...row,
      detail: { rowTexts: rows.map((each) => JSON.stringify(each)) },
    });
    const all = await send('POST', '/orders?select=*', '{"id":1}', representation);
    expect(all.json()).toEqual(rows);
    expect(all.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'preference-applied': 'return=representation',
    });
    const some = await send('POST', '/orders?select=total,"Note%20\\"x\\""', '{"id":1}', representation);
    expect(some.body).toBe('[{"total":"1","Note \\"x\\"":null}]');
    expect(client.rows.map(({ returning }) => returning)).toEqual([true, true]);
  });

  test('a REST POST answers columns in the order of the table, and no number loses a digit', async () => {
    const text = '{"id":9007199254740993,"total":"1","Note \\"x\\"":{"n": 1.10}}';
    const { send } = setup({ ...row, detail: { rowTexts: [text] } });
    const answer = await send(
      'POST',
      '/orders?select="Note%20\\"x\\"",id',
      '{"id":9007199254740993}',
      representation,
    );
    expect(answer.body).toBe('[{"Note \\"x\\"":{"n": 1.10},"id":9007199254740993}]');
    const all = await send('POST', '/orders', '{"id":9007199254740993}', representation);
    expect(all.body).toBe(`[${text}]`);
  });

  test('a REST POST answers one object if asked, and refuses two rows before they are written', async () => {
    const { client, send } = setup({ ...row, detail: { rowTexts: ['{"id":1}'] } });
    const one = await send('POST', '/orders', '{"id":1}', oneObject);
    expect(one.json()).toMatchObject({ id: 1 });
    expect(one.headers['content-type']).toBe('application/vnd.pgrst.object+json; charset=utf-8');
    const two = await send('POST', '/orders', '[{"id":1},{"id":2}]', oneObject);
    expect(two.status).toBe(406);
    expect(two.json()).toMatchObject({ code: 'PGRST116', details: 'The result contains 2 rows' });
    expect(client.rows).toHaveLength(1);
  });

  test.each([
    ['merge-duplicates', 'created', 201, { operation: 'upsert', resolution: 'merge' }],
    ['merge-duplicates', 'updated', 200, { operation: 'upsert', resolution: 'merge' }],
    ['merge-duplicates', 'unchanged', 200, { operation: 'upsert', resolution: 'merge' }],
    ['ignore-duplicates', 'unchanged', 201, { operation: 'upsert', resolution: 'ignore' }],
  ] as const)(
    'a REST POST with resolution=%s answers %s with %i',
    async (resolution, result, status, request) => {
      const { client, send } = setup({ ...row, result });
      const prefer = `resolution=${resolution}, missing=default, return=minimal`;
      const url = '/orders?on_conflict=id&columns="id","total"';
      const answer = await send('POST', url, '[{"id":1},{"total":"a"}]', { prefer });
      expect(answer.status).toBe(status);
      expect(answer.headers['preference-applied']).toBe(prefer);
      expect(client.rows).toMatchObject([
        { ...request, onConflict: ['id'], columns: ['id', 'total'], missing: 'default' },
      ]);
    },
  );

  test.each([
    ['POST', '/orders', '[{"id":1},{"id":2}]', 'The result contains 2 rows'],
    ['POST', '/orders', '[]', 'The result contains 0 rows'],
    ['PATCH', '/orders?id=eq.1', '{}', 'The result contains 0 rows'],
  ] as const)(
    'a REST %s to %s of %s for one object is refused without a write',
    async (method, url, body, details) => {
      const { client, send } = setup();
      for (const prefer of [
        'return=minimal',
        'return=headers-only',
        'return=representation',
        'respond-async',
      ]) {
        const answer = await send(method, url, body, { ...oneObject, prefer });
        expect(answer.status).toBe(406);
        expect(answer.json()).toMatchObject({ code: 'PGRST116', details });
      }
      expect(client.rows).toEqual([]);
    },
  );

  test.each([
    ['PATCH', refused('row_not_found'), '{"total":"1"}'],
    ['DELETE', refused('row_not_found'), undefined],
    ['PATCH', { ...row, result: 'unchanged' }, '{"total":"1"}'],
  ] as const)(
    'a REST %s for one object is not acceptable if no row changes, whatever it returns',
    async (method, outcome, body) => {
      const { send } = setup(outcome);
      for (const prefer of ['return=minimal', 'return=headers-only', 'return=representation']) {
        const answer = await send(method, '/orders?id=eq.99', body, { ...oneObject, prefer });
        expect(answer.status).toBe(406);
        expect(answer.json()).toMatchObject({ code: 'PGRST116', details: 'The result contains 0 rows' });
        expect(answer.headers['sluice-result']).toBeUndefined();
      }
      const ignored = setup({ ...row, result: 'unchanged' });
      const prefer = { ...oneObject, prefer: 'resolution=ignore-duplicates' };
      expect((await ignored.send('POST', '/orders', '{"id":1}', prefer)).status).toBe(406);
      expect((await setup().send('POST', '/orders', '{"id":1}', { accept: oneObject.accept })).status).toBe(
        201,
      );
    },
  );

  test('a REST POST says that it answers without rows and counts, if an earlier request has not asked for them', async () => {
    const { send } = setup();
    const answer = await send('POST', '/orders', '{"id":1}', representation);
    expect(answer).toMatchObject({ status: 201, body: '' });
    expect(answer.headers['preference-applied']).toBeUndefined();
    expect(await send('POST', '/orders', '{"id":1}', oneObject)).toMatchObject({ status: 201, body: '' });
    const both = '[{"id":1},{"id":2}]';
    const counted = await send('POST', '/orders', both, { prefer: 'count=exact' });
    expect(counted.headers).toMatchObject({ 'content-range': '*/*' });
    expect(counted.headers['preference-applied']).toBeUndefined();
  });

  test('a REST answer before the outcome claims neither rows nor a count', async () => {
    const { send } = setup();
    const prefer = 'respond-async, return=representation, count=exact, missing=default';
    const applied = { '/orders': 'missing=default, respond-async', '/rpc/app.count_views': 'respond-async' };
    for (const [url, names] of Object.entries(applied)) {
      const { status, headers } = await send('POST', url, '{"page":1}', { prefer });
      expect(status).toBe(202);
      expect(headers['preference-applied']).toBe(names);
    }
  });

  test.each([
    ['application/vnd.pgrst.object', '{"id":1}'],
    ['application/vnd.pgrst.object+json', '{"id":1}'],
    ['Application/VND.pgrst.object; charset=utf-8', '{"id":1}'],
    ['application/vnd.pgrst.array', '[{"id":1}]'],
    ['application/vnd.pgrst.array+json', '[{"id":1}]'],
  ])('a REST POST that accepts %s gets %s', async (accept, body) => {
    const { send } = setup({ ...row, detail: { rowTexts: ['{"id":1}'] } });
    expect(await send('POST', '/orders', '{"id":1}', { ...representation, accept })).toMatchObject({ body });
  });

  test('a REST POST of an empty array writes nothing', async () => {
    const { client, send } = setup();
    expect(await send('POST', '/orders', '[]', representation)).toMatchObject({ status: 201, body: '[]' });
    expect(client.rows).toEqual([]);
  });

  test('a REST POST gives the location of the row if only headers are requested, with every digit of its key', async () => {
    const headers = { prefer: 'return=headers-only' };
    const exact = await setup(row, { basePath: '/v1' }).send(
      'POST',
      '/orders',
      '{"id":9007199254740993}',
      headers,
    );
    expect(exact.headers.location).toBe('/v1/rest/orders?id=eq.9007199254740993');
    const given = setup({ ...row, detail: { key: { id: 8 } } });
    const ofDatabase = await given.send('POST', '/orders', '[ {"total":"{}"} ]', headers);
    expect(ofDatabase.headers.location).toBe('/rest/orders?id=eq.8');
    const composite = await setup().send('POST', '/Order%20Item', '{"order id":1,"line":2}', {
      ...headers,
      'content-profile': 'app',
    });
    expect(composite.headers.location).toBe('/rest/app.Order%20Item?order%20id=eq.1&line=eq.2');
  });

  test('a REST POST counts the affected rows', async () => {
    const { client, send } = setup({ ...row, detail: { rowTexts: ['{"id":1}', '{"id":2}'] } });
    const answer = await send('POST', '/orders', '[{"id":1},{"id":2},{"id":3}]', {
      prefer: 'count=exact, resolution=ignore-duplicates',
    });
    expect(answer.headers['content-range']).toBe('*/2');
    expect(client.rows[0]).toMatchObject({ returning: true });
  });

  test.each([
    ['', 'Empty or invalid json'],
    ['{', 'The body is not valid JSON, or PostgreSQL cannot store it unchanged'],
    ['{"id":1e99999}', 'The body is not valid JSON, or PostgreSQL cannot store it unchanged'],
    ['5', 'The body is neither a row nor an array of rows'],
    ['[5]', 'The body is neither a row nor an array of rows'],
    ['[{"id":1},{"total":"2"}]', 'All object keys must match'],
  ])('a REST POST refuses the body %s', async (payload, message) => {
    const { client, send } = setup();
    const answer = await send('POST', '/orders', payload);
    expect(answer.status).toBe(400);
    expect(answer.json()).toMatchObject({ code: 'PGRST102', message });
    expect(client.rows).toEqual([]);
  });
});

describe('PATCH and DELETE', () => {
  test('a REST PATCH and DELETE take the key from the URL unchanged, with quotes and points', async () => {
    const { client, send } = setup({ ...row, result: 'updated' });
    expect(await send('PATCH', '/orders?id=eq."5.,"', '{"total":"7"}')).toMatchObject({
      status: 204,
      body: '',
    });
    expect((await send('DELETE', '/orders?"id"=eq.+5%2B')).status).toBe(204);
    const composite = await send('PATCH', '/Order%20Item?line=eq.2&order%20id=eq.1', '{"name":"a"}', {
      'content-profile': 'app',
    });
    expect(composite.headers['content-range']).toBe('0-0/*');
    expect(client.rows).toMatchObject([
      { target: 'public.orders', operation: 'update', key: { id: '"5.,"' }, body: '{"total":"7"}' },
      { target: 'public.orders', operation: 'delete', key: { id: ' 5+' }, body: null },
      { target: 'app.Order Item', operation: 'update', key: { 'order id': '1', line: '2' } },
    ]);
  });

  test('a REST PATCH and DELETE affect no row where none has the key', async () => {
    const { send } = setup(refused('row_not_found'));
    const prefer = 'return=representation, count=exact';
    const patched = await send('PATCH', '/orders?id=eq.5', '{"total":"7"}', { prefer });
    expect(patched).toMatchObject({ status: 200, body: '[]' });
    expect(patched.headers['content-range']).toBe('*/0');
    expect((await send('DELETE', '/orders?id=eq.5')).status).toBe(204);
    const one = await send('DELETE', '/orders?id=eq.5', undefined, oneObject);
    expect(one.status).toBe(406);
    expect(one.json()).toMatchObject({ code: 'PGRST116', details: 'The result contains 0 rows' });
  });

  test('a REST PATCH and DELETE answer with the changed or deleted row', async () => {
    const { send } = setup({ ...row, result: 'deleted', detail: { rowTexts: ['{"id":5,"total":"7"}'] } });
    const prefer = 'return=representation,count=exact';
    const answer = await send('DELETE', '/orders?id=eq.5&select=total', undefined, { prefer });
    expect(answer).toMatchObject({ status: 200, body: '[{"total":"7"}]' });
    expect(answer.headers['content-range']).toBe('*/1');
  });

  test('a REST PATCH with an object without columns writes nothing', async () => {
    const { client, send } = setup();
    expect((await send('PATCH', '/orders?id=eq.5', '{}')).status).toBe(204);
    expect(client.rows).toEqual([]);
  });

  test.each([
    ['DELETE', '/orders', 'PGRST127', 'DELETE takes equality on the key'],
    ['PATCH', '/orders?total=eq.5', 'PGRST127', 'PATCH takes equality on the key'],
    ['PATCH', '/orders?id=eq.5&total=eq.5', 'PGRST127', 'no other filter: ?id=eq.VALUE'],
    ['PATCH', '/orders?id=in.(5)', 'PGRST127', 'PATCH takes'],
    ['PATCH', '/orders?id=not.eq.5', 'PGRST127', 'PATCH takes'],
    ['PATCH', '/orders?id=eq.5&id=eq.6', 'PGRST127', 'id is given twice'],
    ['PATCH', '/orders?or=(id.eq.5)', 'PGRST127', 'or is not offered'],
    ['PATCH', '/orders?id=eq.5&limit=1', 'PGRST127', 'limit is not offered'],
    ['PATCH', '/orders?id=eq.5&select=*,customers(*)', 'PGRST127', 'select takes names of columns'],
    ['PATCH', '/orders?id=eq.5&select=a:total', 'PGRST127', 'select takes names of columns'],
    ['POST', '/orders?id=eq.5', 'PGRST127', 'POST takes no filter'],
    ['POST', '/orders?columns=a"', 'PGRST100', 'It is not a comma-separated list of names'],
  ] as const)('a REST %s of %s is refused', async (method, url, code, details) => {
    const { client, send } = setup();
    const answer = await send(method, url, method === 'DELETE' ? undefined : '{"total":"1"}');
    expect(answer.status).toBe(400);
    expect(answer.json()).toMatchObject({ code, details: expect.stringContaining(details) as string });
    expect(client.rows).toEqual([]);
  });

  test.each(['/orders?nope=eq.1', '/orders?id=eq.1&select=nope', '/orders?id=eq.1&columns=nope'])(
    'a REST PATCH of %s is refused, because the table has no such column',
    async (url) => {
      const message = 'column orders.nope does not exist';
      const answer = await setup().send('PATCH', url, '{"total":"1"}');
      expect(answer.json()).toEqual({ code: '42703', message, details: null, hint: null });
    },
  );
});

describe('PUT', () => {
  test('a REST PUT upserts the row whose key is in the URL', async () => {
    const { client, send } = setup();
    const body = '{"id":9007199254740993,"total":"1"}';
    const answer = await send('PUT', '/orders?id=eq.9007199254740993', body);
    expect(answer.status).toBe(201);
    expect(answer.headers).not.toHaveProperty('content-range');
    expect(client.rows).toMatchObject([{ operation: 'upsert', body }]);
    const updated = setup({ ...row, result: 'updated' });
    expect((await updated.send('PUT', '/orders?id=eq.1', '{"id":1}')).status).toBe(204);
  });

  test.each([
    ['/orders?id=eq.9007199254740992', '{"id":9007199254740993}', 400, 'PGRST115'],
    ['/orders?id=eq.1', '{"total":"1"}', 400, 'PGRST115'],
    ['/orders?id=eq.1', '[{"id":1},{"id":1}]', 400, 'PGRST102'],
    ['/orders', '{"id":1}', 405, 'PGRST105'],
    ['/orders?id=gt.1', '{"id":1}', 405, 'PGRST105'],
  ])('a REST PUT refuses %s with %s', async (url, payload, status, code) => {
    const { client, send } = setup();
    const answer = await send('PUT', url, payload);
    expect(answer.status).toBe(status);
    expect(answer.json()).toMatchObject({ code });
    expect(client.rows).toEqual([]);
  });
});

describe('a refusal', () => {
  test.each([
    ['row_exists', '23505', 409, 'duplicate key value violates unique constraint "c"'],
    ['row_exists', '23P01', 400, 'conflicting key value violates exclusion constraint "c"'],
    ['unresolved_reference', '23503', 409, 'write to table "orders" violates foreign key constraint "c"'],
    ['row_referenced', '23503', 409, 'write to table "orders" violates foreign key constraint "c"'],
    ['row_invalid', '23514', 400, 'new row for relation "orders" violates check constraint "c"'],
    ['row_invalid', '22003', 400, 'The table does not accept the row.'],
    ['row_invalid', 'P0001', 400, 'The table does not accept the row.'],
    ['row_invalid', '54000', 400, 'The table does not accept the row.'],
    ['row_invalid', 'P0002', 400, 'The table does not accept the row.'],
    ['row_invalid', '42501', 403, 'The table does not accept the row.'],
  ] as const)('the refusal %s by SQLSTATE %s is answered %i', async (code, sqlState, status, message) => {
    const { send } = setup(refused(code, { database: { sqlState, constraint: 'c', column: null } }));
    const answer = await send('POST', '/orders', '{"id":1}');
    expect(answer.status).toBe(status);
    expect(answer.json()).toEqual({ code: sqlState, message, details: 'constraint c', hint: null });
  });

  test('a refusal names the table that the database named, and says what to do about a row that is given twice', async () => {
    const outside = { sqlState: '23514', constraint: 'c', column: null, table: 'log' };
    const { send } = setup(refused('target_refused', { database: outside }));
    expect((await send('POST', '/orders', '{"id":1}')).json()).toMatchObject({
      message: 'new row for relation "log" violates check constraint "c"',
    });
    const twice = { sqlState: '21000', constraint: 'orders_pkey', column: 'id' };
    const repeated = setup(refused('row_invalid', { database: twice }));
    expect((await repeated.send('POST', '/orders', '[{"id":1},{"id":1}]')).json()).toEqual({
      code: '21000',
      message: 'ON CONFLICT DO UPDATE command cannot affect row a second time',
      details: 'constraint orders_pkey, column id',
      hint: 'Ensure that no rows proposed for insertion within the same command have duplicate constrained values.',
    });
  });

  test('a refusal without a SQLSTATE has the code of the error table, and the time to retry', async () => {
    const { client, send } = setup({ ...refused('cancelled'), result: 'not_applied' });
    const cancelled = await send('POST', '/orders', '{}');
    expect(cancelled.status).toBe(503);
    expect(cancelled.json()).toMatchObject({ code: 'cancelled' });
    expect(cancelled.json()['hint']).toContain('may succeed later');
    client.answerRow = () => {
      throw new SluiceError('overloaded', undefined, { retryAfterSeconds: 3 });
    };
    const overloaded = await send('POST', '/orders', '{}');
    expect(overloaded.headers['retry-after']).toBe('3');
    expect(overloaded.json()).toMatchObject({ code: 'overloaded' });
  });

  test('the refusal of a request that is too large, or one too many, has the same form', async () => {
    const { send } = setup(row, { limits: { bodyBytesMax: 20, clientRate: 1 } });
    const large = await send('POST', '/orders', '{"total":"more than twenty bytes"}');
    expect({ status: large.status, ...large.json() }).toMatchObject({
      status: 413,
      code: 'payload_too_large',
    });
    const early = await send('POST', '/orders', '{}');
    expect({ status: early.status, ...early.json() }).toMatchObject({ status: 429, code: 'rate_limited' });
    expect(early.headers).toHaveProperty('retry-after');
  });

  test('the refusal of an unknown column names it', async () => {
    const { client, send } = setup();
    client.answerRow = () => {
      const errors = [{ path: '$.nope', message: 'is no column of the table' }];
      throw new SluiceError('invalid_document', 'Cannot take the row', { detail: { errors } });
    };
    expect((await send('POST', '/orders', '{"nope":1}')).json()).toMatchObject({
      code: 'PGRST204',
      message: "Could not find the 'nope' column of 'orders' in the schema cache",
    });
  });
});

describe('preferences', () => {
  test('unknown preferences are ignored, or refused if the client is strict', async () => {
    const { send } = setup();
    const lenient = await send('POST', '/orders', '{}', { prefer: 'return=foo, bar, missing=default' });
    expect(lenient.status).toBe(201);
    expect(lenient.headers['preference-applied']).toBe('missing=default');
    const strict = await send('POST', '/orders', '{}', { prefer: 'handling=strict, return=foo, bar' });
    expect(strict.status).toBe(400);
    expect(strict.json()).toMatchObject({
      code: 'PGRST122',
      details: 'Invalid preferences: return=foo, bar',
    });
    const rollback = await send('POST', '/orders', '{}', { prefer: 'tx=rollback' });
    expect(rollback.json()).toMatchObject({ code: 'PGRST127' });
  });

  test('preferences of Sluice select an answer before the outcome, and the time to wait', async () => {
    const { client, send } = setup();
    const accepted = await send('POST', '/orders', '{}', { prefer: 'respond-async', 'idempotency-key': 'k' });
    expect(accepted).toMatchObject({ status: 202, body: '' });
    expect(accepted.headers).toMatchObject({
      location: `/writes/${writeId}`,
      'preference-applied': 'respond-async',
    });
    await send('DELETE', '/orders?id=eq.1', undefined, { prefer: 'wait=2' });
    await send('DELETE', '/orders?id=eq.1', undefined, { prefer: 'wait-for-references=60' });
    expect(client.rows).toMatchObject([{ idempotencyKey: 'k' }, {}, { waitForReferencesSeconds: 60 }]);
    expect(client.waits).toEqual([2_000, 65_000]);
  });
});

describe('a URL', () => {
  test.each([
    ['POST', '/nope', {}, 404, 'PGRST205'],
    ['POST', '/Orders', {}, 404, 'PGRST205'],
    ['POST', '/orders', { 'content-profile': 'nope' }, 406, 'PGRST106'],
    ['POST', '/orders', { 'content-profile': 'app' }, 404, 'PGRST205'],
    ['POST', '/count_views', { 'content-profile': 'app' }, 404, 'PGRST205'],
    ['POST', '/rpc/orders', {}, 404, 'PGRST202'],
    ['POST', '/a/b/c', {}, 404, 'PGRST125'],
    ['GET', '/orders?select=*', {}, 405, 'PGRST117'],
    ['GET', '/rpc/count_views', {}, 405, 'PGRST117'],
    ['POST', '/orders', { 'content-type': 'text/csv' }, 415, 'PGRST107'],
    ['POST', '/orders', { accept: 'text/csv' }, 406, 'PGRST107'],
    ['POST', '/orders', { accept: 'application/vnd.pgrst.object+json;nulls=stripped' }, 406, 'PGRST107'],
    ['POST', '/orders', { 'content-encoding': 'gzip' }, 415, 'PGRST107'],
    ['POST', '/orders', { 'idempotency-key': 'a b' }, 400, 'PGRST100'],
  ] as const)('the URL %s %s %j is answered %i %s', async (method, url, headers, status, code) => {
    const { client, send } = setup();
    const answer = await send(method, url, method === 'POST' ? '{}' : undefined, { ...headers });
    expect(answer.status).toBe(status);
    expect(answer.json()).toMatchObject({ code });
    expect(Object.keys(answer.json()).sort()).toEqual(['code', 'details', 'hint', 'message']);
    expect(client.rows).toEqual([]);
  });

  test('a URL may name its schema', async () => {
    const { client, send } = setup();
    expect((await send('POST', '/public.orders', '{}')).status).toBe(201);
    expect((await send('POST', '/app.Order%20Item', '{}')).status).toBe(201);
    expect(client.rows.map(({ target }) => target)).toEqual(['public.orders', 'app.Order Item']);
  });

  test('a URL names the methods that it takes', async () => {
    const { send } = setup();
    expect((await send('OPTIONS', '/orders')).headers.allow).toBe('DELETE, OPTIONS, PATCH, POST, PUT');
    const read = await send('GET', '/orders');
    expect(read.headers.allow).toBe('DELETE, OPTIONS, PATCH, POST, PUT');
    expect(read.json()).toMatchObject({
      hint: expect.stringContaining('To read rows, use PostgreSQL') as string,
    });
  });

  test('a URL may be requested by a page of another origin, with the headers of PostgREST', async () => {
    const { send } = setup(row, { corsOrigins: ['https://app.example.org'] });
    const { headers } = await send('OPTIONS', '/orders', undefined, {
      origin: 'https://app.example.org',
      'access-control-request-method': 'PATCH',
      'access-control-request-headers': 'content-profile,prefer,x-client-info',
    });
    expect(headers['access-control-allow-methods']).toContain('PATCH');
    expect(headers['access-control-allow-headers']).toMatch(/Content-Profile.*Prefer.*X-Client-Info/);
    const answer = await send('POST', '/orders', '{}', { origin: 'https://app.example.org' });
    expect(answer.headers['access-control-expose-headers']).toMatch(
      /Content-Range.*Location.*Preference-Applied/,
    );
  });

  test('errors below the base path have the form of PostgREST, and others keep theirs', async () => {
    const { api, send } = setup(row, { basePath: '/v1' });
    expect((await send('GET', '/orders')).json()).toMatchObject({ code: 'PGRST117' });
    expect((await api.inject({ method: 'GET', url: '/v1/nope' })).json()).toMatchObject({
      type: 'urn:sluice:error:endpoint_not_found',
    });
  });
});

describe('/rest/rpc', () => {
  test('/rest/rpc passes the body to a function unchanged, and returns its answer', async () => {
    const { client, send } = setup({ ...row, result: 'updated', detail: { answerText: '{"views":3}' } });
    const body = '{"page":"/", "n":1.10}';
    const answer = await send('POST', '/rpc/count_views', body, { 'content-profile': 'app' });
    expect(answer).toMatchObject({ status: 200, body: '{"views":3}' });
    expect(client.rows).toMatchObject([{ target: 'app.count_views', operation: 'insert', body }]);
    expect((await setup().send('POST', '/rpc/app.count_views', '{"page":1}')).status).toBe(204);
  });

  test('/rest/rpc answers a refusal with the text of the function', async () => {
    const { send } = setup(refused('target_refused', { reason: 'too_many', answerText: '{"most":3}' }));
    const answer = await send('POST', '/rpc/app.count_views', '{}');
    expect(answer.status).toBe(409);
    expect(answer.json()).toMatchObject({
      code: 'target_refused',
      message: 'The target refused the write: too_many',
      details: '{"most":3}',
    });
  });
});

describe('a bulk line', () => {
  const bulk = async (...lines: string[]) => {
    const { api } = setup();
    const response = await api.inject({
      method: 'POST',
      url: '/bulk',
      headers: { 'content-type': 'application/x-ndjson' },
      payload: lines.join('\n'),
    });
    const answers = response.body.trim().split('\n');
    return answers
      .map((line) => JSON.parse(line) as { line: number; status: number; [name: string]: unknown })
      .sort((one, other) => one.line - other.line);
  };

  test('a bulk line may name a target, with every digit of its row and its key', async () => {
    const answers = await bulk(
      '{"target":"orders","row":{"id":9007199254740993}}',
      '{"target":"public.orders","operation":"update","key":{"id":9007199254740993},"row":{"total":"1"},"returning":true}',
      '{"target":"orders","operation":"delete","key":{"id":7}}',
      '{"target":"orders","operation":"upsert","row":[{"id":1}],"onConflict":["id"],"resolution":"ignore","idempotencyKey":"k"}',
      '{"target":"app.count_views","row":{"page":"/"}}',
      '{"endpoint":"ed-fi/schools","document":{"note":"a \\"target\\""}}',
    );
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201, 201, 201]);
    expect(client.rows).toMatchObject([
      { target: 'public.orders', operation: 'insert', body: '{"id":9007199254740993}' },
      { operation: 'update', key: { id: '9007199254740993' }, body: '{"total":"1"}', returning: true },
      { operation: 'delete', key: { id: '7' }, body: null },
      {
        operation: 'upsert',
        onConflict: ['id'],
        resolution: 'ignore',
        idempotencyKey: 'k',
        body: '[{"id":1}]',
      },
      { target: 'app.count_views', operation: 'insert', body: '{"page":"/"}' },
    ]);
  });

  test.each([
    ['{"target":"nope","row":{}}', 'there is no such target'],
    ['{"target":5,"row":{}}', 'its target is not a string'],
    ['{"target":"orders"}', 'its row is missing'],
    ['{"target":"orders","row":{},"document":{}}', 'it has an unknown member: document'],
    ['{"target":"orders","row":{},"operation":"merge"}', 'its operation is not one of insert'],
    ['{"target":"orders","operation":"delete","row":{}}', 'a delete takes no row'],
    ['{"target":"orders","operation":"delete","key":5}', 'its key is not an object'],
    ['{"target":"orders","operation":"upsert","row":{},"resolution":"x"}', 'its resolution is neither'],
    ['{"target":"orders","row":{"id":1,"id":2}}', '$.row.id is a key that occurs twice in its object'],
  ])('the bulk line %s is refused', async (line, reason) => {
    const [answer] = await bulk(line);
    expect(answer).toMatchObject({ problem: { detail: expect.stringContaining(reason) as string } });
    expect(client.rows).toEqual([]);
  });
});

test.each([
  ['insert', 'onConflict', '["id"]'],
  ['insert', 'resolution', '"ignore"'],
  ['insert', 'key', '{"id":1}'],
  ['upsert', 'key', '{"id":1}'],
  ['update', 'onConflict', '["id"]'],
  ['delete', 'resolution', '"merge"'],
])('a bulk line of operation %s is refused if it has the member %s', async (operation, member, value) => {
  const { api, client } = setup();
  const line = `{"target":"orders","operation":"${operation}","${member}":${value}${operation === 'delete' ? '' : ',"row":{"id":1}'}}`;
  const { body } = await api.inject({
    method: 'POST',
    url: '/bulk',
    headers: { 'content-type': 'application/x-ndjson' },
    payload: line,
  });
  expect(JSON.parse(body)).toMatchObject({
    status: 400,
    problem: { detail: `Cannot take the line: ${operation} takes no ${member}` },
  });
  expect(client.rows).toEqual([]);
});

test('OpenAPI describes each table with a schema from its catalog, and each function', async () => {
  const { api } = setup();
  const { paths } = (await api.inject({ method: 'GET', url: '/openapi.json' })).json() as {
    paths: Record<
      string,
      Record<string, { requestBody?: { content: unknown }; parameters: { name: string }[] }>
    >;
  };
  const ours = Object.keys(paths).filter((path) => path.startsWith('/rest'));
  expect(ours).toEqual(['/rest/orders', '/rest/app.Order Item', '/rest/rpc/app.count_views']);
  expect(Object.keys(paths['/rest/orders'] ?? {}).sort()).toEqual(['delete', 'patch', 'post', 'put']);
  expect(paths['/rest/orders']?.['put']?.requestBody?.content).toEqual({
    'application/json': {
      schema: {
        type: 'object',
        additionalProperties: false,
        properties: {
          id: { type: 'integer', format: 'int64', description: 'bigint' },
          total: { type: 'string', description: 'text', nullable: true },
          'Note "x"': { type: 'string', description: 'text', nullable: true },
        },
        required: ['id'],
      },
    },
  });
  const { parameters } = paths['/rest/app.Order Item']?.['delete'] ?? { parameters: [] };
  expect(parameters.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['order id', 'line', 'Prefer', 'select']),
  );
});

describe('what PostgREST takes', () => {
  test.each([undefined, 'application/vnd.pgrst.object', 'application/vnd.pgrst.array+json; charset=utf-8'])(
    'a REST body of the media type %s is JSON',
    async (type) => {
      const { client, api } = setup();
      const headers = type === undefined ? {} : { 'content-type': type };
      const insert = await api.inject({ method: 'POST', url: '/rest/orders', payload: '{"id":1}', headers });
      expect(insert.statusCode).toBe(201);
      const call = await api.inject({
        method: 'POST',
        url: '/rest/rpc/app.count_views',
        payload: '{}',
        headers,
      });
      expect(call.statusCode).toBe(204);
      expect(client.rows).toHaveLength(2);
    },
  );

  test.each([
    ['application/vnd.pgrst.object', 'application/vnd.pgrst.object+json; charset=utf-8'],
    ['text/csv, Application/Vnd.Pgrst.Object;q=0.5', 'application/vnd.pgrst.object+json; charset=utf-8'],
    ['application/vnd.pgrst.array', 'application/json; charset=utf-8'],
  ])('a REST answer to Accept: %s has the type %s', async (accept, type) => {
    const { send } = setup({ ...row, detail: { rowTexts: ['{"id":1}'] } });
    const answer = await send('POST', '/orders', '{"id":1}', { ...representation, accept });
    expect([answer.status, answer.headers['content-type']]).toEqual([201, type]);
  });

  const every =
    'resolution=merge-duplicates, missing=default, return=representation, count=exact, handling=strict, max-affected=5';
  test.each([
    ['POST', '/orders', '', every],
    [
      'POST',
      '/orders',
      ', respond-async',
      'resolution=merge-duplicates, missing=default, handling=strict, max-affected=5, respond-async',
    ],
    ['PUT', '/orders?id=eq.1', '', every.replace('resolution=merge-duplicates, ', '')],
    ['PATCH', '/orders?id=eq.1', '', every.replace('resolution=merge-duplicates, missing=default, ', '')],
    ['DELETE', '/orders?id=eq.1', ', wait=2', `${every.slice(every.indexOf('return='))}, wait=2`],
    ['POST', '/rpc/app.count_views', '', 'handling=strict'],
  ] as const)(
    'the answer to %s %s with %s names only preferences that have an effect',
    async (method, url, own, applied) => {
      const { send } = setup({ ...row, detail: { rowTexts: ['{"id":1}'] } });
      const body = method === 'DELETE' ? undefined : '{"id":1}';
      const answer = await send(method, url, body, { prefer: every + own });
      expect(answer.headers['preference-applied']).toBe(applied);
    },
  );
});
