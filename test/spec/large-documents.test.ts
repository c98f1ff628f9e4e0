// Documents that grow when PostgreSQL writes them out, and lists of large ones: refused at the door, told of where they are
// stored already, and read a bounded part at a time.

import { connect, type AddressInfo } from 'node:net';
import { createApi, type ApiOptions } from '@sluice/server/api';
import type { ClientOptions, SluiceClient } from 'sluice/internal/client';
import { createClient } from 'sluice/internal/client';
import { profile } from '@sluice/edfi/profile';
import { parseModel, type Resource } from 'sluice/model';
import { showBody } from 'sluice/operator';
import { modes } from 'sluice/internal/protocol';
import { Database } from 'sluice/internal/store';
import { createWriter } from 'sluice/internal/writer';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { patient } from '../support/patient.ts';
import { nodeUrl } from '../support/postgres.ts';
import { sql } from '../support/sql.ts';

const model = parseModel({
  project: 'Lab',
  resources: [
    { name: 'Item', endpoint: 'lab/items', identity: ['$.code'], allowIdentityUpdates: true },
    {
      name: 'Part',
      endpoint: 'lab/parts',
      identity: ['$.num'],
      references: [{ resource: 'Item', paths: [{ identity: '$.code', path: '$.itemReference.code' }] }],
    },
    { name: 'Page', endpoint: 'lab/pages', identity: ['$.num'] },
  ],
});
const items = model.findEndpoint('lab/items') as Resource;
const parts = model.findEndpoint('lab/parts') as Resource;

const database = useDatabase();
beforeAll(async () => {
  const writer = createWriter({ url: database.writerUrl, model });
  await writer.start();
  return () => writer.stop();
});

async function startClient(options: Partial<ClientOptions> = {}): Promise<SluiceClient> {
  const client = createClient({
    ...patient,
    url: nodeUrl(database.url, options),
    model,
    documentBytesMax: 400_000,
    pageBytesMax: 250_000,
    ...options,
  });
  onTestFinished(() => client.stop());
  await client.start();
  return client;
}

interface Node {
  url: string;
  get: (path: string) => Promise<Response>;
  send: (method: string, path: string, body: string, headers?: Record<string, string>) => Promise<Response>;
}

async function startNode(
  options: Partial<ClientOptions> = {},
  api: Omit<ApiOptions, 'client'> = {},
): Promise<Node> {
  const server = createApi({ client: await startClient(options), ...api });
  onTestFinished(() => server.close());
  await server.listen({ port: 0, host: '127.0.0.1' });
  const url = `http://127.0.0.1:${(server.server.address() as AddressInfo).port}`;
  return {
    url,
    get: (path) => fetch(new URL(path, url)),
    async send(method, path, body, headers = {}) {
      const init = { method, body, headers: { 'content-type': 'application/json', ...headers } };
      return fetch(url + path, init);
    },
  };
}

/** Small here; 311 bytes a number there. */
const grows = (code: string, numbers = 2_000): string =>
  `{"code":"${code}","n":[[${Array(numbers).fill('1e308').join()}]]}`;
const tooLarge = {
  path: '$.n',
  message: 'makes it larger than documentBytesMax, 400000 bytes, with all digits written out',
};

/** A body of about so many bytes, as a version without the limit has stored it. */
const inflate = (table: string, column: string, id: string, bytes: number): Promise<unknown> =>
  sql(
    database.url,
    `update sluice.${table} set body = body || jsonb_build_object('big',
       (select jsonb_agg(1e131071::numeric) from generate_series(1, $2::integer))) where ${column} = $1`,
    [id, Math.ceil(bytes / 131_074)],
  );

describe('a document that grows when it is written out', () => {
  test.each(modes)('a document that is too large is refused in %s mode, on every route', async (mode) => {
    const client = await startClient({ mode });
    const refused = { code: 'invalid_json', detail: { errors: [tooLarge] } };
    const body = grows('a');
    const write = { operation: 'upsert', resource: items, body } as const;
    await expect(client.submit(write)).rejects.toMatchObject(refused);
    await expect(client.submit({ ...write, document: { code: 'a' } })).rejects.toMatchObject(refused);
    await expect(client.accept(write)).rejects.toMatchObject(refused);
    expect(await client.submit({ ...write, body: grows(mode, 1_200) })).toMatchObject({ result: 'created' });
  });

  test('a document that is nested too deeply is refused as invalid JSON', async () => {
    const client = await startClient();
    const nested = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    await expect(
      client.submit({ operation: 'upsert', resource: items, body: `{"code":"deep","n":${nested}}` }),
    ).rejects.toMatchObject({ code: 'invalid_json' });
  });

  test('a document that grows when written out is answered 400 with the member and the limit, on each route', async () => {
    const node = await startNode();
    const created = await node.send('POST', '/data/lab/items', '{"code":"c"}');
    for (const answer of [
      await node.send('POST', '/data/lab/items', grows('d')),
      await node.send('PUT', created.headers.get('location')!, grows('c')),
    ]) {
      expect(answer.status).toBe(400);
      expect(await answer.json()).toMatchObject({
        code: 'invalid_json',
        detail: `Cannot take the document: $.n ${tooLarge.message}`,
        errors: [tooLarge],
      });
    }
    const lines = [grows('e'), '{"code":"f"}'].map(
      (document) => `{"endpoint":"lab/items","document":${document}}`,
    );
    const bulk = await node.send('POST', '/bulk', lines.join('\n'), {
      'content-type': 'application/x-ndjson',
    });
    const answers = (await bulk.text())
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(answers).toHaveLength(2);
    expect(answers).toContainEqual(expect.objectContaining({ line: 2, status: 201 }));
    expect(answers).toContainEqual(
      expect.objectContaining({
        line: 1,
        status: 400,
        problem: expect.objectContaining({ errors: [tooLarge] }) as object,
      }),
    );
    const edfi = await startNode({}, { profile });
    const answer = await edfi.send('POST', '/data/lab/items', grows('g'));
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ validationErrors: { '$.n': [tooLarge.message] } });
  });

  test('a document of 22 MB written out is refused by a node without settings, though it is sent as 420 kB', async () => {
    const node = await startNode({ documentBytesMax: undefined, pageBytesMax: undefined } as object);
    const answer = await node.send('POST', '/data/lab/items', grows('p', 70_000));
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ errors: [{ path: '$.n' }] });
  });
});

describe('a document that is stored already and too large', () => {
  test('a stored document that is too large is reported by its size, and ends the list before it', async () => {
    const client = await startClient();
    const ids: string[] = [];
    for (const code of ['s1', 's2', 's3']) {
      const { documentId } = await client.submit({
        operation: 'upsert',
        resource: items,
        body: `{"code":"${code}"}`,
      });
      ids.push(documentId!);
    }
    await inflate('document', 'document_id', ids[1]!, 900_000);
    const node = await startNode();
    const got = await node.get(`/data/lab/items/${ids[1]}`);
    expect(got.status).toBe(409);
    const told = {
      code: 'document_too_large',
      documentId: ids[1],
      bytes: expect.any(Number) as number,
      bytesMax: 400_000,
    };
    expect(await got.json()).toMatchObject(told);

    const [{ before }] = (await sql(
      database.url,
      `select count(*)::integer as before from sluice.document where resource = 'lab/items' and document_id < $1`,
      [ids[0]],
    )) as [{ before: number }];
    const list = await node.get(`/data/lab/items?limit=3&offset=${before}`);
    expect(await list.json()).toMatchObject([{ code: 's1' }]);
    expect(list.headers.get('link')).toBe(`</data/lab/items?limit=2&offset=${before + 1}>; rel="next"`);
    const next = await node.get(`/data/lab/items?limit=2&offset=${before + 1}`);
    expect(next.status).toBe(409);
    expect(await next.json()).toMatchObject(told);
    expect(await (await node.get(`/data/lab/items?limit=1&offset=${before + 2}`)).json()).toMatchObject([
      { code: 's3' },
    ]);

    const path = `/data/lab/items/${ids[1]}`;
    expect((await node.send('PUT', path, '{"code":"s2","new":1}')).status).toBe(204);
    expect((await node.get(path)).status).toBe(200);
  });

  test('a waiting document that is too large is shown without body and without what it awaits', async () => {
    const client = await startClient();
    const { writeId } = await client.accept({
      operation: 'upsert',
      resource: parts,
      body: '{"num":2,"itemReference":{"code":"not there"}}',
      waitForReferencesSeconds: 3600,
    });
    await eventually(async () => expect((await client.readWrite('', writeId))?.state).toBe('blocked'));
    expect((await client.readWrite('', writeId))?.awaits).toMatchObject([{ path: '$.itemReference' }]);
    const operators = new Database({ url: database.url, applicationName: 'test' });
    onTestFinished(() => operators.close());
    expect(await showBody(operators, writeId, 'test')).toContain('not there');
    await inflate('intake', 'write_id', writeId, 70_000_000);
    const state = await client.readWrite('', writeId);
    expect(state?.awaits).toMatchObject([{ kind: 'reference' }]);
    expect(state?.awaits[0]).not.toHaveProperty('path');
    await expect(showBody(operators, writeId, 'test')).rejects.toMatchObject({ code: 'document_too_large' });
    await sql(database.url, 'delete from sluice.awaited');
    await sql(database.url, 'delete from sluice.intake');
  });
});

describe('a page of large documents', () => {
  const count = 7;
  beforeAll(async () => {
    const client = createClient({ ...patient, url: database.apiUrl, model });
    await client.start();
    const resource = model.findEndpoint('lab/pages') as Resource;
    for (let num = 0; num < count; num++) {
      const body = JSON.stringify({ num, text: `${num}`.repeat(100_000) });
      await client.submit({ operation: 'upsert', resource, body });
    }
    await client.stop();
  });

  const numbersOf = (documents: unknown): number[] => (documents as { num: number }[]).map(({ num }) => num);

  test('a page of large documents ends early, and links to its rest until all was read', async () => {
    const node = await startNode();
    const pages: number[][] = [];
    let path: string | undefined = `/data/lab/pages?limit=6&totalCount=true`;
    while (path !== undefined) {
      const answer = await node.get(path);
      expect(answer.status).toBe(200);
      expect(answer.headers.get('total-count')).toBe(String(count));
      pages.push(numbersOf(await answer.json()));
      path = /^<([^>]+)>; rel="next"$/.exec(answer.headers.get('link') ?? '')?.[1];
    }
    expect(pages).toEqual([
      [0, 1],
      [2, 3],
      [4, 5],
    ]);
  });

  test('a page that has room for no document gives one at a time', async () => {
    const node = await startNode({ pageBytesMax: 50_000 });
    const answer = await node.get('/data/lab/pages?limit=2');
    expect(numbersOf(await answer.json())).toEqual([0]);
    expect(answer.headers.get('link')).toBe('</data/lab/pages?limit=1&offset=1>; rel="next"');
    const rest = await node.get('/data/lab/pages?limit=1&offset=1');
    expect(numbersOf(await rest.json())).toEqual([1]);
    expect(rest.headers.has('link')).toBe(false);
  });

  test('a page of large documents is sent whole to clients of Ed-Fi, which know no link', async () => {
    const node = await startNode({}, { profile });
    const answer = await node.get('/data/lab/pages?limit=6&totalCount=true');
    expect(answer.headers.get('total-count')).toBe(String(count));
    expect(numbersOf(await answer.json())).toEqual([0, 1, 2, 3, 4, 5]);
    expect(answer.headers.has('link')).toBe(false);
  });

  test('a large page waits until a node has room for it, which a reader that is gone gives back', async () => {
    const megabyte = 1024 * 1024;
    const client = await startClient({ documentBytesMax: 20 * megabyte, pageBytesMax: 16 * megabyte });
    const resource = model.findEndpoint('lab/pages') as Resource;
    const body = JSON.stringify({ num: 1000, text: 'z'.repeat(14 * megabyte) });
    const { documentId } = await client.submit({ operation: 'upsert', resource, body });
    const node = await startNode(
      { documentBytesMax: 20 * megabyte, pageBytesMax: 16 * megabyte },
      { limits: { readBytesMax: 15 * megabyte } },
    );
    const path = `/data/lab/pages/${documentId}`;
    const reader = connect(Number(new URL(node.url).port), '127.0.0.1');
    onTestFinished(() => void reader.destroy());
    reader.on('error', () => undefined).write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await new Promise((resolve) => reader.once('readable', resolve));
    const answers = [1, 2, 3].map(async () => (await node.get(path)).json() as Promise<{ text: string }>);
    const pause = new Promise<string>((resolve) => setTimeout(resolve, 1_500, 'nothing yet'));
    expect(await Promise.race([...answers, pause])).toBe('nothing yet');
    reader.destroy();
    expect((await Promise.all(answers)).map(({ text }) => text.length)).toEqual(Array(3).fill(14 * megabyte));
  });
});
