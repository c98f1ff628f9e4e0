// Clients that send or read nothing for a while, over real sockets: each has its time, and is told what became of its lines.
import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { describe, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../../../../test/support/eventually.ts';
import { createApi } from './api.ts';
import type { ApiLimits } from './limits.ts';
import { created, FakeClient, stored } from './test-support.ts';

async function setup(limits: Partial<ApiLimits>) {
  const client = new FakeClient();
  const api = createApi({ client, limits, logger: pino({ level: 'silent' }) });
  onTestFinished(() => api.close());
  await api.listen({ port: 0, host: '127.0.0.1' });
  const { port } = api.server.address() as AddressInfo;
  const open = async (): Promise<Socket> => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('error', () => undefined);
    onTestFinished(() => void socket.destroy());
    await once(socket, 'connect');
    return socket;
  };
  const connections = (): Promise<number> => promisify(api.server.getConnections.bind(api.server))();
  return { client, open, connections };
}

/** What came until the last chunk, without the sizes of the chunks; `slowly` waits now and then. */
async function readAll(socket: Socket, slowly = false): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of socket as AsyncIterable<Buffer>) {
    parts.push(part);
    if (part.toString('latin1').endsWith('0\r\n\r\n')) break;
    // Nothing of it is as long as the limit.
    if (slowly && parts.length % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const body = Buffer.concat(parts);
  const pieces: Buffer[] = [];
  for (let at = body.indexOf('\r\n\r\n') + 4; at < body.length;) {
    const end = body.indexOf('\r\n', at);
    const size = Number.parseInt(body.toString('latin1', at, end), 16);
    pieces.push(body.subarray(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
  }
  return Buffer.concat(pieces).toString();
}

const linesOf = (text: string): { line: number | null; status: number }[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { line: number | null; status: number });

const bulkHead = 'POST /bulk HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\n';
const bulkLine = `${JSON.stringify({ endpoint: 'ed-fi/schools', document: { schoolId: 1, name: 'x'.repeat(900) } })}\n`;

/** Answers of ten kilobytes, so that the buffers between here and there are soon full. */
function answerAtLength(client: FakeClient): void {
  client.answer = () => ({
    ...created,
    result: 'refused',
    code: 'document_referenced',
    detail: { referredBy: ['x'.repeat(10_000)] },
  });
}

describe('a bulk client', () => {
  test('a bulk client that sends all lines before it reads gets an answer to each line that was begun', async () => {
    const { client, open } = await setup({ readerTimeoutMs: 1000, bulkAnswerBytesMax: 50_000 });
    answerAtLength(client);
    const socket = await open();
    const count = 20_000;
    socket.write(`${bulkHead}Content-Length: ${bulkLine.length * count}\r\n\r\n`);
    // Comes back once the node has taken in all of it: it goes on reading lines that it does not begin.
    await new Promise((resolve) => socket.write(bulkLine.repeat(count), resolve));
    const lines = linesOf(await readAll(socket));
    const last = lines.pop();
    const begun = client.requests.length;
    expect(begun).toBeLessThan(count);
    expect(last).toMatchObject({
      line: null,
      status: 408,
      linesBegun: begun,
      problem: {
        code: 'request_timeout',
        detail: `The client read nothing of the answers for 1000 ms. Lines up to ${begun} have their answers above. Later lines were not started.`,
      },
    });
    expect(lines.map(({ line }) => line).sort((one, other) => one! - other!)).toEqual(
      Array.from({ length: begun }, (_, index) => index + 1),
    );
  });

  test('a bulk client that never reads loses its connection', async () => {
    const { client, open, connections } = await setup({ readerTimeoutMs: 200, bulkAnswerBytesMax: 50_000 });
    answerAtLength(client);
    const socket = await open();
    socket.write(`${bulkHead}Content-Length: ${bulkLine.length * 20_000}\r\n\r\n${bulkLine.repeat(20_000)}`);
    await eventually(async () => expect(client.requests.length).toBeGreaterThan(100));
    await eventually(async () => expect(await connections()).toBe(0));
  });

  test('a bulk client that reads slowly gets an answer to every line', async () => {
    const { client, open } = await setup({ readerTimeoutMs: 500, bulkAnswerBytesMax: 50_000 });
    answerAtLength(client);
    const socket = await open();
    const count = 2_000;
    socket.write(`${bulkHead}Content-Length: ${bulkLine.length * count}\r\n\r\n${bulkLine.repeat(count)}`);
    const lines = linesOf(await readAll(socket, true));
    expect(lines).toHaveLength(count);
    expect(lines.every(({ status }) => status === 409)).toBe(true);
  });

  test('a bulk client that falls silent learns which lines were begun, and loses its connection', async () => {
    const { open, connections } = await setup({ bodyTimeoutMs: 300 });
    const socket = await open();
    socket.write(`${bulkHead}Content-Length: 100000\r\n\r\n${bulkLine}\n${bulkLine}{"endpoint":`);
    const lines = linesOf(await readAll(socket));
    expect(lines).toMatchObject([
      { line: 1, status: 201 },
      { line: 3, status: 201 },
      { line: null, status: 408, linesBegun: 3, problem: { code: 'request_timeout' } },
    ]);
    await eventually(async () => expect(await connections()).toBe(0));
  });

  test('a bulk client with long lines has few of them under way', async () => {
    const { client, open } = await setup({ bulkBytesMax: 3 * bulkLine.length });
    const settle: (() => void)[] = [];
    client.answer = () => new Promise((resolve) => settle.push(() => resolve(created)));
    const socket = await open();
    socket.write(`${bulkHead}Content-Length: ${bulkLine.length * 10}\r\n\r\n${bulkLine.repeat(10)}`);
    for (let settled = 0; settled < 10; settled++) {
      await eventually(() => expect(client.requests).toHaveLength(Math.min(10, settled + 3)));
      settle.shift()!();
    }
    expect(linesOf(await readAll(socket))).toHaveLength(10);
  });
});

describe('a reader of a page', () => {
  const page = 'GET /data/ed-fi/things?limit=500 HTTP/1.1\r\nHost: x\r\n\r\n';
  const large = (): ReturnType<typeof stored>[] =>
    Array.from({ length: 40 }, () => stored(JSON.stringify({ id: 'x'.repeat(1_000_000) })));

  test('a reader of a page that takes nothing of it loses its connection', async () => {
    const { client, open, connections } = await setup({ readerTimeoutMs: 200 });
    client.documents = large();
    const socket = await open();
    socket.write(page);
    await eventually(async () => expect(await connections()).toBe(1));
    await eventually(async () => expect(await connections()).toBe(0));
  });

  test('a reader of a page that takes it slowly gets all of it', async () => {
    const { client, open } = await setup({ readerTimeoutMs: 500 });
    client.documents = large();
    const socket = await open();
    socket.write(page);
    const text = await readAll(socket, true);
    expect(JSON.parse(text)).toHaveLength(40);
  });
});
