import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { parseModel } from 'sluice/model';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Latency } from './latency.ts';
import { load } from './load.ts';
import { parseLoadLine, type LoadLine } from './load-line.ts';
import { shuffle } from './shuffle.ts';

const model = parseModel({
  project: 'T',
  resources: [
    { name: 'Parent', endpoint: 't/parents', identity: ['$.id'] },
    {
      name: 'Child',
      endpoint: 't/children',
      identity: ['$.id'],
      references: [{ resource: 'Parent', paths: [{ identity: '$.id', path: '$.parentReference.id' }] }],
    },
  ],
});

interface Request {
  key: string;
  path: string;
  body: string;
  prefer: string | undefined;
}

type Reply = { status: number; json?: unknown; headers?: Record<string, string> } | 'break';

/** A node that answers as `reply` says, and remembers what it was sent. */
async function startNode(reply: (request: Request, count: number) => Reply | Promise<Reply>) {
  const requests: Request[] = [];
  const answer = async (incoming: IncomingMessage, response: ServerResponse) => {
    const body = Buffer.concat(await incoming.toArray()).toString();
    const { prefer, 'idempotency-key': key } = incoming.headers;
    const request = { key: String(key), path: incoming.url ?? '', body, prefer: prefer?.toString() };
    requests.push(request);
    const given = await reply(request, requests.length);
    if (given === 'break') incoming.socket.destroy();
    else response.writeHead(given.status, given.headers).end(JSON.stringify(given.json ?? {}));
  };
  const server = createServer((incoming, response) => void answer(incoming, response));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

const line = (endpoint: string, document: object, number = 1): LoadLine =>
  parseLoadLine(JSON.stringify({ endpoint, document }), `test.ndjson:${number}`);
const created = (): Reply => ({ status: 201 });

describe('a load', () => {
  test('a load submits a document only after the documents that it refers to are answered', async () => {
    const stored = new Set<number>();
    const tooEarly: string[] = [];
    const node = await startNode(async ({ path, body }) => {
      const { id, parentReference } = JSON.parse(body) as { id: number; parentReference?: { id: number } };
      if (parentReference && !stored.has(parentReference.id)) tooEarly.push(body);
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 5));
      if (path.endsWith('parents')) stored.add(id);
      return created();
    });
    const lines = Array.from({ length: 100 }, (_, id) => [
      line('t/parents', { id }),
      line('t/children', { id, parentReference: { id } }),
      line('t/children', { id: 1000 + id, parentReference: { id: Math.floor(id / 2) } }),
    ]).flat();
    const report = await load(lines, { nodes: [node.url], concurrency: 32, model });
    expect(tooEarly).toEqual([]);
    expect(report).toMatchObject({ documents: 300, created: 300, failed: 0, retries: 0 });
  });

  test('a load without a model sends one document at a time, in order', async () => {
    let underWay = 0;
    const node = await startNode(async () => {
      underWay += 1;
      expect(underWay).toBe(1);
      await new Promise(setImmediate);
      underWay -= 1;
      return created();
    });
    const lines = Array.from({ length: 20 }, (_, id) => line('t/parents', { id }));
    const report = await load(lines, { nodes: [node.url], concurrency: 8, model: null });
    expect(report).toMatchObject({ created: 20, failed: 0 });
    expect(node.requests.map(({ body }) => body)).toEqual(lines.map(({ body }) => body));
  });

  test('a load takes turns between nodes, and sends each document once, under a key of its own', async () => {
    const nodes = await Promise.all([startNode(created), startNode(created)]);
    const lines = Array.from({ length: 40 }, (_, id) => line('/t/parents', { id }));
    await load(lines, { nodes: nodes.map(({ url }) => url), concurrency: 4, model });
    expect(nodes.map(({ requests }) => requests.length)).toEqual([20, 20]);
    const all = nodes.flatMap(({ requests }) => requests);
    expect(new Set(all.map(({ key }) => key)).size).toBe(40);
    expect(new Set(all.map(({ path }) => path))).toEqual(new Set(['/data/t/parents']));
  });

  test.each<[string, Reply]>([
    ['a connection that breaks', 'break'],
    ['502', { status: 502 }],
    ['503', { status: 503, json: { code: 'stopping' } }],
    ['504', { status: 504 }],
    ['429', { status: 429, headers: { 'retry-after': '0' } }],
  ])('a load tries again on the other node, with the same key, after %s', async (_, reply) => {
    const failing = await startNode(() => reply);
    const sound = await startNode(created);
    const lines = [line('t/parents', { id: 1 }), line('t/parents', { id: 2 })];
    const report = await load(lines, { nodes: [failing.url, sound.url], concurrency: 2, model });
    expect(report).toMatchObject({ created: 2, failed: 0, retries: 1 });
    expect(sound.requests.map(({ key }) => key)).toContain(failing.requests[0]?.key);
  });

  test('a load goes on without a node that is gone', async () => {
    const sound = await startNode(created);
    const lines = Array.from({ length: 10 }, (_, id) => line('t/parents', { id }));
    const report = await load(lines, { nodes: ['http://127.0.0.1:1', sound.url], concurrency: 2, model });
    expect(report).toMatchObject({ created: 10, failed: 0 });
  });

  test('a load waits as long as Retry-After asks', async () => {
    const node = await startNode((_, count) =>
      count === 1 ? { status: 503, headers: { 'retry-after': '1' } } : created(),
    );
    const report = await load([line('t/parents', { id: 1 })], { nodes: [node.url], concurrency: 1, model });
    expect(report).toMatchObject({ created: 1, retries: 1 });
    expect(report.seconds).toBeGreaterThanOrEqual(1);
  });

  test('a load counts a refusal as an answer, and lists it with its status, code and line', async () => {
    const node = await startNode(() => ({ status: 409, json: { code: 'unresolved_reference' } }));
    const lines = [line('t/parents', { id: 1 }, 7), { source: 'test.ndjson:8', fault: 'is not JSON' }];
    const report = await load(lines, { nodes: [node.url], concurrency: 1, model });
    expect(report).toMatchObject({ documents: 2, failed: 2, retries: 0 });
    expect(node.requests).toHaveLength(1);
    expect(report.failures).toContainEqual({
      line: 'test.ndjson:7',
      endpoint: 't/parents',
      status: 409,
      code: 'unresolved_reference',
    });
    expect(report.failures).toContainEqual({
      line: 'test.ndjson:8',
      endpoint: null,
      status: 0,
      code: 'line is not JSON',
    });
  });

  test('a load gives a document up when no node answers in time', async () => {
    const lines = [line('t/parents', { id: 1 })];
    const report = await load(lines, { nodes: ['http://127.0.0.1:1'], concurrency: 1, model, retryMs: 200 });
    expect(report).toMatchObject({ failed: 1 });
    expect(report.failures[0]).toMatchObject({ status: 0, code: 'ECONNREFUSED' });
  });

  test('an interrupted load takes no new lines, and waits for those under way', async () => {
    const interruption = new AbortController();
    const node = await startNode((_, count) => {
      if (count === 3) interruption.abort();
      return created();
    });
    const lines = Array.from({ length: 1000 }, (_, id) => line('t/parents', { id }));
    const options = { nodes: [node.url], concurrency: 2, model, signal: interruption.signal };
    const report = await load(lines, options);
    expect(report.isInterrupted).toBe(true);
    expect(report.created).toBe(node.requests.length);
    expect(report.created).toBeLessThan(10);
  });

  test('a load stops when it is told to, even if a node does not answer', async () => {
    const interruption = new AbortController();
    const node = await startNode(() => {
      interruption.abort();
      return new Promise<Reply>(() => undefined);
    });
    const options = { nodes: [node.url], concurrency: 2, model, signal: interruption.signal, stopMs: 50 };
    const report = await load([line('t/parents', { id: 1 })], options);
    expect(report).toMatchObject({ isInterrupted: true, created: 0, failed: 1 });
  });

  test('a load counts created, updated and unchanged separately', async () => {
    const replies: Reply[] = [
      { status: 201 },
      { status: 200, headers: { 'sluice-result': 'updated' } },
      { status: 200, headers: { 'sluice-result': 'unchanged' } },
    ];
    const node = await startNode((_, count) => replies[count - 1] ?? 'break');
    const lines = [1, 2, 3].map((id) => line('t/parents', { id }));
    const report = await load(lines, { nodes: [node.url], concurrency: 1, model });
    expect(report).toMatchObject({ created: 1, updated: 1, unchanged: 1 });
  });
});

describe('a load in any order', () => {
  const any = { concurrency: 2, model: null, waitForReferencesSeconds: 30 };

  interface State {
    state: string;
    outcome?: object;
  }

  /** A node that takes every document, and says of each, asked for later, what `stateOf` gives for its body. */
  function startTaking(stateOf: (body: string, asked: number) => State | null) {
    const bodies = new Map<string, string>();
    const asked = new Map<string, number>();
    return startNode(({ path, key, body }) => {
      if (path !== '/writes/query') {
        bodies.set(key, body);
        return { status: 202, headers: { location: `/writes/${key}` } };
      }
      const { ids } = JSON.parse(body) as { ids: string[] };
      const json = ids.flatMap((writeId) => {
        asked.set(writeId, (asked.get(writeId) ?? 0) + 1);
        const state = stateOf(bodies.get(writeId) ?? '', asked.get(writeId)!);
        return state === null ? [] : [{ writeId, ...state }];
      });
      return { status: 200, json };
    });
  }

  const settled = (result: string): State => ({ state: 'settled', outcome: { status: 200, result } });

  test('an unordered load submits every document once, even while many others wait', async () => {
    let hasParent = false;
    const node = await startTaking((body) => {
      hasParent ||= !body.includes('parentReference');
      return hasParent ? settled('created') : { state: 'blocked' };
    });
    const children = Array.from({ length: 200 }, (_, id) =>
      line('t/children', { id, parentReference: { id: 1 } }),
    );
    const tallies: number[] = [];
    const report = await load([...children, line('t/parents', { id: 1 })], {
      ...any,
      nodes: [node.url],
      onProgress: (readTally) => tallies.push(readTally().blocked),
    });
    expect(report).toMatchObject({ submitted: 201, documents: 201, created: 201, failed: 0, blockedLeft: 0 });
    expect(Math.max(...tallies)).toBeGreaterThan(0);
    const submitted = node.requests.filter(({ path }) => path !== '/writes/query');
    expect(submitted).toHaveLength(201);
    expect(new Set(submitted.map(({ prefer }) => prefer))).toEqual(
      new Set(['respond-async, wait-for-references=30']),
    );
  });

  test('an unordered load counts results separately, and lists what a refused document misses', async () => {
    const missing = [{ referentialId: 'x', resource: 'Parent', path: '$.parentReference' }];
    const problem = { code: 'unresolved_reference', missing };
    const states: State[] = [
      settled('created'),
      settled('updated'),
      settled('unchanged'),
      { state: 'settled', outcome: { status: 409, result: 'refused', problem } },
    ];
    const node = await startTaking((body) => {
      const { id } = JSON.parse(body) as { id: number };
      return states[id] ?? null;
    });
    const lines = states.map((_, id) => line('t/children', { id }, id));
    const report = await load(lines, { ...any, nodes: [node.url] });
    expect(report).toMatchObject({ created: 1, updated: 1, unchanged: 1, failed: 1 });
    const { code } = problem;
    const refused = { line: 'test.ndjson:3', endpoint: 't/children', code };
    expect(report.failures).toEqual([{ ...refused, status: 409 }]);
    expect(report.refused).toEqual([
      { ...refused, missing: [{ resource: 'Parent', path: '$.parentReference' }] },
    ]);
  });

  test('an unordered load accepts an answer that comes without a wait', async () => {
    const node = await startNode(() => ({ status: 400, json: { code: 'invalid_document' } }));
    const report = await load([line('t/parents', {})], { ...any, nodes: [node.url] });
    expect(report.failures).toMatchObject([{ status: 400, code: 'invalid_document' }]);
    expect(node.requests).toHaveLength(1);
  });

  test('an unordered load asks the other node for the writes of a node that is gone', async () => {
    const node = await startTaking((_, asked) => (asked < 2 ? { state: 'ready' } : settled('created')));
    const lines = Array.from({ length: 10 }, (_, id) => line('t/parents', { id }));
    const report = await load(lines, { ...any, nodes: ['http://127.0.0.1:1', node.url] });
    expect(report).toMatchObject({ created: 10, failed: 0 });
  });

  test('an unordered load gives up writes that no node knows any more', async () => {
    const node = await startTaking(() => null);
    const report = await load([line('t/parents', { id: 1 })], { ...any, nodes: [node.url] });
    expect(report.failures).toMatchObject([{ status: 404, code: 'write_not_found' }]);
  });

  test('an interrupted unordered load counts the writes that still wait', async () => {
    const interruption = new AbortController();
    const node = await startTaking((_, asked) => {
      if (asked === 2) interruption.abort();
      return { state: 'blocked' };
    });
    const lines = [line('t/parents', { id: 1 })];
    const report = await load(lines, { ...any, nodes: [node.url], signal: interruption.signal });
    expect(report).toMatchObject({ isInterrupted: true, submitted: 1, documents: 0, blockedLeft: 1 });
  });
});

test('a seed gives one order, which has every line once', async () => {
  const lines = Array.from({ length: 100 }, (_, index) => index);
  const orderOf = (seed: number) => Readable.from(shuffle(lines, seed)).toArray();
  const order = await orderOf(1);
  expect(await orderOf(1)).toEqual(order);
  expect(await orderOf(2)).not.toEqual(order);
  expect(order.toSorted((a, b) => a - b)).toEqual(lines);
  expect(order).not.toEqual(lines);
});

test('percentiles are within two percent', () => {
  const latency = new Latency();
  expect(latency.percentileMs(99)).toBe(0);
  for (let ms = 1; ms <= 1000; ms++) latency.record(ms);
  expect(latency.percentileMs(50) / 500).toBeCloseTo(1, 1);
  expect(latency.percentileMs(99) / 990).toBeCloseTo(1, 1);
});
