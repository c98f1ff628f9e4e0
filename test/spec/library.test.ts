// The client and the writer of a program that embeds Sluice: objects in, typed answers out.

import pg from 'pg';
import { tmpdir } from 'node:os';
import {
  applyRoles,
  createClient,
  doctor,
  openDatabase,
  type Client,
  type CreateClientOptions,
  type SluiceError,
  type StandardSchema,
} from 'sluice';
import { discardWrites, drainWriter, listStuck, pauseLanes, resumeLanes, retryWrites } from 'sluice/operator';
import { createWriter } from 'sluice/writer';
import { describe, expect, expectTypeOf, onTestFinished, test } from 'vitest';
import * as z from 'zod';
import { useDatabase } from '../support/database.ts';
import { databaseUrl, rolePrefix } from '../support/postgres.ts';
import { openConnection } from '../support/sql.ts';
import { fresh } from '../support/world.ts';

const database = useDatabase();

const shop = {
  project: 'Shop',
  resources: [
    { name: 'Customer', endpoint: 'shop/customers', identity: ['$.name'] },
    {
      name: 'Order',
      endpoint: 'shop/orders',
      identity: ['$.number'],
      references: [{ resource: 'Customer', paths: [{ identity: '$.name', path: '$.customer.name' }] }],
    },
  ],
};

const unknownId = '00000000-0000-7000-8000-000000000000';

interface Order {
  number: number;
  paid?: boolean;
  customer?: { name: string };
}
interface Documents extends Record<string, object> {
  'shop/orders': Order;
  'shop/customers': { name: string };
}

async function start(options: Partial<CreateClientOptions<Documents>> = {}): Promise<Client<Documents>> {
  const writer = await createWriter({ connectionString: database.writerUrl, model: shop });
  onTestFinished(() => writer.stop());
  const client = await createClient<Documents>({
    connectionString: database.apiUrl,
    model: shop,
    ...options,
  });
  onTestFinished(() => client.stop());
  return client;
}

const errorOf = (promise: Promise<unknown>): Promise<SluiceError> =>
  promise.then(
    () => expect.unreachable('it was taken'),
    (error: unknown) => error as SluiceError,
  );

describe('a client', () => {
  test('a client writes, reads, replaces and deletes documents', async () => {
    const client = await start();
    const number = fresh();
    const { id, result, version, etag } = await client.upsert('shop/orders', { number, paid: false });
    expect({ result, version }).toEqual({ result: 'created', version: 1 });
    expect(await client.update('shop/orders', id, { number, paid: true }, { ifMatch: etag! })).toMatchObject({
      id,
      result: 'updated',
      version: 2,
    });
    const order = await client.get('shop/orders', id);
    expectTypeOf(order).toEqualTypeOf<Order | null>();
    expect(order).toEqual({ number, paid: true });
    expect(await client.delete('shop/orders', id)).toMatchObject({ id, result: 'deleted', etag: null });
    expect(await client.get('shop/orders', id)).toBe(null);
  });

  test('a client passes JSON text through unchanged', async () => {
    const client = await start();
    const { id } = await client.upsertText('shop/customers', '{"name":"n","big":9007199254740993}');
    expect((await client.getText('shop/customers', id))?.body).toContain('9007199254740993');
  });

  test('a client throws the refusal of a write, or returns it', async () => {
    const client = await start();
    const orphan: Order = { number: fresh(), customer: { name: 'nobody' } };
    expect(await errorOf(client.upsert('shop/orders', orphan))).toMatchObject({
      code: 'unresolved_reference',
      status: 409,
      detail: { missing: [{ resource: 'Customer' }], writeId: expect.any(String) as string },
    });
    const refusal = await client.upsert('shop/orders', orphan, { throwOnRefusal: false });
    expect(refusal).toMatchObject({ result: 'refused', code: 'unresolved_reference', status: 409 });
  });

  test('a client returns what a node refuses before the intake, too: an unknown document, a key of another write', async () => {
    const client = await start();
    const asked = { throwOnRefusal: false } as const;
    const absent = unknownId;
    for (const id of [absent, 'no id']) {
      const unknown = { id, result: 'refused', code: 'document_not_found', status: 404, writeId: null };
      expect(await client.update('shop/orders', id, { number: 1 }, asked)).toMatchObject(unknown);
      expect(await client.delete('shop/orders', id, asked)).toMatchObject(unknown);
    }
    const idempotencyKey = `key ${fresh()}`;
    await client.upsert('shop/orders', { number: fresh() }, { idempotencyKey });
    const other = { number: fresh() };
    expect(await client.upsert('shop/orders', other, { ...asked, idempotencyKey })).toMatchObject({
      id: null,
      code: 'idempotency_key_reused',
    });
    expect(await errorOf(client.update('shop/orders', absent, { number: 1 }))).toMatchObject({
      code: 'document_not_found',
    });
    expect(await client.get('shop/orders', absent)).toBe(null);
    expect(await errorOf(client.upsert(undefined as never, { number: 1 }))).toMatchObject({
      code: 'endpoint_not_found',
      message: 'Cannot find the endpoint in the model: it is not a string',
    });
    // What is no answer to the write is thrown all the same.
    expect(await errorOf(client.upsert('shop/carts' as never, other, asked))).toMatchObject({
      code: 'endpoint_not_found',
    });
  });

  test('a client answers a repeated idempotency key as before', async () => {
    const client = await start();
    const order = { number: fresh() };
    const first = await client.upsert('shop/orders', order, { idempotencyKey: 'once' });
    expect(await client.upsert('shop/orders', order, { idempotencyKey: 'once' })).toEqual(first);
    expect(await client.readWrite(first.writeId)).toMatchObject({ state: 'settled' });
  });

  test.each([
    ['idempotencyKey', 7, 'is not a string of one or more characters'],
    ['idempotencyKy', 'once', 'is not known'],
    ['waitForReferencesSeconds', -1, 'is not a number from 0 to 2147483647'],
    ['waitForReferencesSeconds', 1e15, 'is not a number from 0 to 2147483647'],
    ['waitMs', 2 ** 31, 'is not a number from 0 to 2147483647'],
    ['ifMatch', '', 'is not a string of one or more characters'],
  ])('a client names the wrong option %s of a write to a document: %j', async (option, value, reason) => {
    const client = await start();
    const options = { [option]: value } as object;
    const calls = [
      client.upsert('shop/orders', { number: 90 }, options),
      client.delete('shop/orders', unknownId, options),
    ];
    for (const call of calls) {
      await expect(call).rejects.toMatchObject({
        code: 'invalid_request',
        message: `Cannot write to shop/orders: option ${option} ${reason}`,
      });
    }
  });

  test('a client refuses a document that JSON cannot represent', async () => {
    const client = await start();
    const cycle: Record<string, unknown> = { number: 91 };
    cycle['self'] = cycle;
    for (const document of [undefined, { number: 92n }, cycle, () => 1]) {
      await expect(client.upsert('shop/orders', document as never)).rejects.toMatchObject({
        code: 'invalid_document',
        message: expect.stringContaining('JSON cannot represent') as string,
      });
    }
  });

  test('a client cancels a write that is aborted before it has a connection for it', async () => {
    const client = await createClient<Documents>({ connectionString: database.apiUrl, model: shop });
    onTestFinished(() => client.stop());
    const answer = client.upsert('shop/orders', { number: fresh() }, { signal: AbortSignal.abort() });
    expect(await errorOf(answer)).toMatchObject({ code: 'cancelled' });
  });

  test('a client cancels a write whose signal is aborted, and says that nothing was applied', async () => {
    const client = await createClient<Documents>({ connectionString: database.apiUrl, model: shop });
    onTestFinished(() => client.stop());
    const number = fresh();
    const stop = new AbortController();
    const answer = errorOf(client.upsert('shop/orders', { number }, { signal: stop.signal }));
    await expect.poll(async () => (await client.status()).waiting).toBe(1);
    stop.abort();
    expect(await answer).toMatchObject({ code: 'cancelled' });
    expect(await errorOf(client.upsert('shop/orders', { number }, { signal: stop.signal }))).toMatchObject({
      code: 'cancelled',
    });
  });

  test('a client adds a write to a transaction of the caller', async () => {
    const client = await start();
    const caller = new pg.Client(database.url);
    await caller.connect();
    onTestFinished(() => caller.end());
    const submitIn = async (end: 'commit' | 'rollback') => {
      await caller.query('begin');
      const write = { endpoint: 'shop/orders', document: { number: fresh() } } as const;
      const submitted = await client.submit(write, { client: caller });
      await caller.query(end);
      return submitted;
    };
    const done = await submitIn('commit');
    for (const waits of [{ waitms: 1 }, { waitMs: 'x' }, { signal: 5 }, null]) {
      expect(await errorOf(done.answer(waits as object))).toMatchObject({
        code: 'invalid_request',
        message: expect.stringMatching(
          /^Cannot wait for the answer to [-\da-f]+: (option \w+ is|the options are) not/,
        ) as string,
      });
    }
    expect(await done.answer()).toMatchObject({ result: 'created', version: 1, writeId: done.writeId });
    const undone = await submitIn('rollback');
    expect(await errorOf(undone.answer({ waitMs: 100 }))).toMatchObject({ code: 'write_not_found' });
    // Uncommitted it is as if it were not there; committed it is there, however late.
    await caller.query('begin');
    const late = await client.submit(
      { endpoint: 'shop/orders', document: { number: fresh() } },
      { client: caller, idempotencyKey: 'late' },
    );
    expect(await errorOf(late.answer({ waitMs: 100 }))).toMatchObject({ code: 'write_not_found' });
    await caller.query('commit');
    expect(await late.answer()).toMatchObject({ result: 'created' });
  });

  test('a client names the wrong field or option of a write that it is to submit', async () => {
    const order = { endpoint: 'shop/orders', document: { number: 91 } };
    const row = { table: 'orders', row: { number: 'A' } };
    const cases: [unknown, object, string][] = [
      [order, { idempotencykey: 'k' }, 'Cannot write to shop/orders: option idempotencykey is not known'],
      [order, { idempotencyKey: 5 }, 'option idempotencyKey is not a string of one or more characters'],
      [
        order,
        { waitForReferencesSeconds: 'x' },
        'waitForReferencesSeconds is not a number from 0 to 2147483647',
      ],
      [order, { signal: AbortSignal.abort() }, 'option signal is not known'],
      [order, { returning: true }, 'option returning is not known'],
      [order, { transactionMs: 1.5 }, 'option transactionMs is not a whole number of milliseconds'],
      [row, { retuning: true }, 'Cannot write to orders: option retuning is not known'],
      [row, { ifMatch: '*' }, 'option ifMatch is not known'],
      [null, {}, 'Cannot submit the write: the write is not an object'],
      [{}, {}, 'give one of endpoint, table and target'],
      [{ ...order, ...row }, {}, 'give one of endpoint, table and target'],
      [{ endpoint: 'shop/orders', documnet: {} }, {}, 'field documnet is not known for upsert'],
      [{ endpoint: 'shop/orders', operation: 'update', document: {} }, {}, 'field id is missing'],
      [{ ...order, endpoint: 5 }, {}, 'Cannot submit the write: field endpoint is not a string'],
      [{ ...order, operation: 'update', id: 5 }, {}, 'Cannot submit the write: field id is not a string'],
      [{ ...order, document: undefined }, {}, 'field document is missing'],
      [{ ...order, operation: 'upsrt' }, {}, 'operation is not upsert or update or delete'],
      [{ ...row, operation: 'remove' }, {}, 'operation is not insert or upsert or update or delete'],
      [
        { ...row, operation: 'upsert', onconflict: ['number'] },
        {},
        'field onconflict is not known for upsert',
      ],
      [{ ...row, onConflict: ['number'] }, {}, 'field onConflict is not known for insert'],
      [{ ...row, columns: 'number' }, {}, 'field columns is not a list of names of columns'],
      [{ table: 'orders', operation: 'delete' }, {}, 'field key is missing'],
      [{ target: 'app.count', bdy: 1 }, {}, 'field bdy is not known for call'],
    ];
    const client = await start();
    const query = () => Promise.reject(new Error('Nothing is sent'));
    for (const [write, options, sentence] of cases) {
      const submitted = client.submit(write as never, { client: { query }, ...options });
      expect(await errorOf(submitted)).toMatchObject({
        code: 'invalid_request',
        message: expect.stringContaining(sentence) as string,
      });
    }
  });

  test('a field of a submitted write that is undefined counts as absent', async () => {
    const client = await start();
    const pg = await openConnection(database.apiUrl);
    onTestFinished(() => pg.end());
    const order = {
      endpoint: 'shop/orders',
      document: { number: 92 },
      operation: undefined,
      table: undefined,
    };
    const { id } = await client.upsert('shop/orders', { number: 93 });
    const gone = { endpoint: 'shop/orders', operation: 'delete', id, document: undefined };
    for (const [write, result] of [
      [order, 'created'],
      [{ ...order, document: { number: 94 }, id: undefined }, 'created'],
      [gone, 'deleted'],
    ] as const) {
      const submitted = await client.submit(write as never, { client: pg });
      expect(await submitted.answer()).toMatchObject({ result });
    }
    const lost = { table: 'orders', endpoint: undefined, row: { number: 1 } };
    expect((await errorOf(client.submit(lost as never, { client: pg }))).message).toContain(
      'the target: orders',
    );
  });

  test('a client names an id that is not one', async () => {
    const client = await start();
    const wrong: [Promise<unknown>, string][] = [
      [client.get('shop/orders', 5 as never), 'Cannot read the document: id is not a string'],
      [client.getText('shop/orders', undefined as never), 'Cannot read the document: id is not a string'],
      [
        client.update('shop/orders', 5 as never, { number: 1 }),
        'Cannot update the document: id is not a string',
      ],
      [client.delete('shop/orders', null as never), 'Cannot delete the document: id is not a string'],
      [client.readWrite('x'), 'Cannot read the write: writeId is not the id of a write'],
      [client.readWrite(5 as never), 'Cannot read the write: writeId is not the id of a write'],
      [client.readWrite(unknownId, 5 as never), 'Cannot read the write: client is not a string'],
    ];
    for (const [call, message] of wrong)
      expect(await errorOf(call)).toMatchObject({ code: 'invalid_request', message });
    expect(await client.get('shop/orders', 'x')).toBeNull();
    expect(await client.readWrite(unknownId)).toBeNull();
  });

  test('a stopped client answers reads as it answers writes: it stops', async () => {
    const client = await start();
    const pg = await openConnection(database.apiUrl);
    onTestFinished(() => pg.end());
    const submitted = await client.submit(
      { endpoint: 'shop/orders', document: { number: 95 } },
      { client: pg },
    );
    await client.stop();
    for (const call of [
      client.upsert('shop/orders', { number: 96 }),
      client.get('shop/orders', unknownId),
      client.getText('shop/orders', unknownId),
      client.readWrite(submitted.writeId),
      submitted.answer(),
    ])
      expect(await errorOf(call)).toMatchObject({ code: 'stopping', status: 503 });
  });

  test('a program passes the database that it opened to the functions of sluice/operator', async () => {
    const ofLane = {
      code: 'invalid_request',
      message: expect.stringMatching(/no lane of this number/) as string,
    };
    await start();
    await using operator = openDatabase({ connectionString: database.url });
    const closed = openDatabase({ connectionString: database.url });
    await closed.close();
    await expect(listStuck(closed)).rejects.toMatchObject({
      code: 'stopping',
      message: 'Cannot use the database: it is closed',
    });
    expect(await pauseLanes(operator, [1, 3], 'a program')).toEqual([1, 3]);
    expect(await resumeLanes(operator, [3, 1], 'a program')).toEqual([1, 3]);
    for (const lane of [40_000, -1, 1.5, 2 ** 40])
      expect(await errorOf(pauseLanes(operator, [1, lane], 'a program'))).toMatchObject(ofLane);
    const act = { actor: 'a program' };
    const all = { matching: { lnae: 3 } } as object as { matching: object };
    const wrong: [Promise<unknown>, string][] = [
      [discardWrites(operator, all, act), 'Cannot filter: lnae is not known'],
      [
        discardWrites(operator, { matching: { lane: 3 } }, { ...act, dryrun: true } as never),
        'dryrun is not known',
      ],
      [discardWrites(operator, {} as never, act), 'give either writeIds or matching'],
      [retryWrites(operator, all, act), 'Cannot filter: lnae is not known'],
      [retryWrites(operator, { writeIds: [] }, {} as never), 'give the name of the actor'],
      [listStuck(operator, { lnae: 3 } as object), 'Cannot filter: lnae is not known'],
      [pauseLanes(operator, [1], ''), 'give the name of the actor'],
      [drainWriter(operator, 'any', undefined as never), 'give the name of the actor'],
    ];
    for (const [call, sentence] of wrong)
      expect(await errorOf(call)).toMatchObject({
        code: 'invalid_request',
        message: expect.stringContaining(sentence) as string,
      });
    expect(() => openDatabase({ connectionString: '', schma: 'x' } as never)).toThrow(
      'Cannot open the database: option',
    );
  });

  test('a client takes its connection from a pool', async () => {
    const pool = new pg.Pool({ connectionString: database.apiUrl });
    const { host, port, user, password, database: name } = new pg.Client(database.apiUrl);
    const fields = new pg.Pool({ host, port, user, password: password ?? '', database: name });
    for (const given of [pool, fields]) {
      const client = await createClient({ pool: given, model: shop, mode: 'coordinated' });
      expect((await client.status()).isDatabaseReachable).toBe(true);
      await client.stop();
      await given.end();
    }
  });

  test.each<[string, object, RegExp]>([
    ['an option that is not known', { waitMilliseconds: 1 }, /option waitMilliseconds is not known/],
    ['an option of another type', { waitMs: 'long' }, /option waitMs is invalid/],
    ['a logger of two methods', { logger: { info: () => null, warn: () => null } }, /option logger .*pino/],
    ['a mode that there is not', { mode: 'fast' }, /option mode is invalid/],
    ['a pool beside a connection string', { pool: new pg.Pool() }, /either connectionString or pool/],
    ['a schema of an endpoint that there is not', { schemas: { 'shop/carts': z.object({}) } }, /shop\/carts/],
  ])('a client refuses %s, by its name', async (_, options, message) => {
    const given = { connectionString: database.apiUrl, model: shop, ...options };
    expect((await errorOf(createClient(given))).message).toMatch(message);
  });
});

test('a program applies the roles by the options of migrate, and a wrong option is named', async () => {
  const pool = new pg.Pool({ connectionString: database.url });
  onTestFinished(() => pool.end());
  await applyRoles({ pool, prefix: rolePrefix });
  const wrong: [object, RegExp][] = [
    [{}, /apply the roles: give either connectionString or pool/],
    [{ pool, prefx: 'x' }, /option prefx is not known/],
    [{ pool, passwords: { opz: 'x' } }, /option opz is not known/],
  ];
  for (const [options, message] of wrong)
    expect((await errorOf(applyRoles(options as never))).message).toMatch(message);
});

describe('a start that fails', () => {
  type Given = Pick<CreateClientOptions, 'model'> & { connectionString: string };
  const starts = [
    ['a client', (given: Given) => createClient(given)],
    ['a writer', (given: Given) => createWriter(given)],
    ['a doctor', (given: Given) => doctor(given)],
  ] as const;

  test.each(starts)('of %s names the option and the file where there is no such model', async (_, begin) => {
    const given = { connectionString: database.writerUrl, model: '/nowhere/model.json' };
    expect(await errorOf(begin(given))).toMatchObject({
      code: 'configuration_invalid',
      message: expect.stringMatching(
        /^Cannot .+: option model: there is no such file: \/nowhere\/model.json$/,
      ) as string,
    });
    expect((await errorOf(begin({ ...given, model: tmpdir() }))).message).toMatch(
      `option model: it cannot be read (EISDIR): ${tmpdir()}`,
    );
  });

  test.each(starts)('of %s names the database that does not exist', async (_, begin) => {
    const given = { connectionString: databaseUrl(database.writerUrl, 'no such one'), model: shop };
    expect(await errorOf(begin(given))).toMatchObject({
      code: 'database_unavailable',
      message:
        'Cannot use the database because the server has no database "no such one" (3D000): check its URL',
    });
    const nowhere = { ...given, connectionString: 'postgres://somebody@127.0.0.1:1/none' };
    expect(await errorOf(begin(nowhere))).toMatchObject({
      code: 'database_unavailable',
      message: expect.stringContaining('Cannot reach PostgreSQL') as string,
    });
  });
});

describe('schemas', () => {
  const byHand: StandardSchema<Order> = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (value) =>
        typeof (value as Order).number === 'number'
          ? { value: value as Order }
          : { issues: [{ message: 'is no number', path: ['number'] }] },
    },
  };

  test.each([
    ['of zod', z.object({ number: z.number(), paid: z.boolean().default(false) })],
    ['by hand', byHand],
  ] as [string, StandardSchema<Order>][])('%s schemas are checked before a write', async (_, schema) => {
    const client = await start({ schemas: { 'shop/orders': schema } });
    const error = await errorOf(client.upsert('shop/orders', { number: 'seven' } as never));
    expect(error).toMatchObject({ code: 'invalid_document', detail: { errors: [{ path: '$.number' }] } });
    expect(await client.upsert('shop/orders', { number: fresh() })).toMatchObject({ result: 'created' });
  });
});

test('several clients of one process share no state, and end with their blocks', async () => {
  const first = await start();
  {
    await using second = await createClient<Documents>({ connectionString: database.apiUrl, model: shop });
    await second.upsert('shop/orders', { number: fresh() });
  }
  expect(await first.upsert('shop/orders', { number: fresh() })).toMatchObject({ result: 'created' });
});
