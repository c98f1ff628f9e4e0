import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { promisify } from 'node:util';
import type { Outcome } from 'sluice/internal/protocol';
import { pino } from 'pino';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { eventually } from '../../../../test/support/eventually.ts';
import { createApi } from './api.ts';
import { createApiKey } from './auth/api-key.ts';
import { Authenticator } from './auth/authenticator.ts';
import type { ApiLimits } from './limits.ts';
import { created, FakeClient } from './test-support.ts';

const schools = '/data/ed-fi/schools';
const keys = ['a', 'b'].map((client) => ({ client, ...createApiKey() }));

async function setup(limits: Partial<ApiLimits>) {
  const client = new FakeClient();
  const auth = new Authenticator({
    keys: { readKeys: async () => keys.map((key) => ({ ...key, scopes: ['write:*'], secondsLeft: null })) },
    tokens: null,
  });
  const api = createApi({ client, limits, auth, logger: pino({ level: 'silent' }) });
  onTestFinished(() => api.close());
  await api.listen({ port: 0 });
  const { port } = api.server.address() as AddressInfo;
  const authorization = (name: string) => `Bearer ${keys.find(({ client }) => client === name)!.text}`;
  const post = (name: string, body = '{"schoolId":1}', signal?: AbortSignal, path = schools) =>
    fetch(`http://127.0.0.1:${port}${path}`, {
      method: 'POST',
      headers: {
        authorization: authorization(name),
        'content-type': path === '/bulk' ? 'application/x-ndjson' : 'application/json',
      },
      body,
      signal: signal ?? null,
    });
  /** What the node answers to this text and nothing more, until it ends the connection. */
  const say = async (text: string): Promise<string> => {
    const socket = await open();
    socket.write(text);
    return (await socket.toArray()).join('');
  };
  const open = async (): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1').setEncoding('utf8');
    socket.on('error', () => undefined);
    onTestFinished(() => void socket.destroy());
    await once(socket, 'connect');
    return socket;
  };
  const connections = (): Promise<number> => promisify(api.server.getConnections.bind(api.server))();
  return { client, post, say, open, authorization, connections, port };
}

/** A client whose writes are settled when the test says so. */
function holdAnswers(client: FakeClient): () => void {
  const waiting: ((outcome: Outcome) => void)[] = [];
  client.answer = () => new Promise((resolve) => waiting.push(resolve));
  return () => waiting.splice(0).forEach((resolve) => resolve(created));
}

describe('bodies beyond the budget of bytes', () => {
  /** Sends a body in two halves, and resolves with the status of the answer. */
  const sender = (port: number, authorization: string, body: string, isChunked: boolean) => {
    const sent = request({
      port,
      method: 'POST',
      path: schools,
      agent: false,
      headers: {
        authorization,
        'content-type': 'application/json',
        ...(isChunked ? {} : { 'content-length': body.length }),
      },
    });
    onTestFinished(() => void sent.destroy());
    const status = once(sent, 'response').then(([answer]) => {
      (answer as IncomingMessage).resume();
      return (answer as IncomingMessage).statusCode;
    });
    status.catch(() => undefined);
    const half = body.length / 2;
    sent.write(body.slice(0, half));
    return { status, finish: () => sent.end(body.slice(half)), leave: () => sent.destroy() };
  };
  const body = JSON.stringify({ schoolId: 1, text: 'x'.repeat(900_000) });
  /** In this time the node takes all bodies for which it has room. */
  const answerOthers = async (port: number): Promise<void> => {
    for (let count = 0; count < 20; count++) await fetch(`http://127.0.0.1:${port}/healthz`);
  };

  test('bodies with and without a length wait for room, and all of them get it in the end', async () => {
    const { client, port, authorization } = await setup({ bodiesBytesMax: 1_000_000 });
    const settle = holdAnswers(client);
    const all = Array.from({ length: 6 }, (_, index) => sender(port, authorization('a'), body, index < 4));
    for (const { finish } of all) finish();
    for (let count = 1; count <= all.length; count++) {
      await eventually(() => expect(client.requests).toHaveLength(count));
      await answerOthers(port);
      expect(client.requests).toHaveLength(count);
      settle();
    }
    expect(await Promise.all(all.map(({ status }) => status))).toEqual(all.map(() => 201));
  });

  test('a bulk request is read no further while a large line of it has no room', async () => {
    const { client, port, post } = await setup({ bodiesBytesMax: 1_000_000 });
    const settle = holdAnswers(client);
    const small = JSON.stringify({ schoolId: 1 });
    const lines = [body, body, small].map(
      (document) => `{"endpoint":"ed-fi/schools","document":${document}}\n`,
    );
    const answer = post('a', lines.join(''), undefined, '/bulk');
    for (const count of [1, 3]) {
      await eventually(() => expect(client.requests).toHaveLength(count));
      await answerOthers(port);
      expect(client.requests).toHaveLength(count);
      settle();
    }
    expect((await (await answer).text()).match(/"status":201/g)).toHaveLength(3);
  });

  test('a bulk line counts while it arrives, until its client leaves or it is answered', async () => {
    const { client, port, post, open, authorization } = await setup({ bodiesBytesMax: 1_000_000 });
    const begin = async (text: string): Promise<Socket> => {
      const socket = await open();
      socket.write(
        `POST /bulk HTTP/1.1\r\nHost: a\r\nAuthorization: ${authorization('a')}\r\n` +
          `Content-Type: application/x-ndjson\r\nContent-Length: 2000000\r\n\r\n`,
      );
      await new Promise((resolve) => socket.write(text, resolve));
      return socket;
    };
    const line = `{"endpoint":"ed-fi/schools","document":${body}}`;
    const leaving = await begin(line);
    await answerOthers(port);
    const one = post('b', body);
    await answerOthers(port);
    expect(client.requests).toEqual([]);
    leaving.destroy();
    expect((await one).status).toBe(201);
    const staying = await begin(`${line}\n{"endpoint"`);
    await eventually(() => expect(client.requests).toHaveLength(2));
    expect((await post('b', body)).status).toBe(201);
    staying.destroy();
  });

  test('a body without a length that is too large, or whose client leaves, gives its bytes back', async () => {
    const { client, port, authorization } = await setup({ bodiesBytesMax: 1_000_000, bodyBytesMax: 950_000 });
    const large = sender(port, authorization('a'), `"${'x'.repeat(2_000_000)}"`, true);
    large.finish();
    expect(await large.status).toBe(413);
    large.leave();
    const halves = [1, 2, 3].map(() => sender(port, authorization('a'), body, true));
    await answerOthers(port);
    for (const { leave } of halves) leave();
    const whole = sender(port, authorization('a'), body, true);
    whole.finish();
    expect(await whole.status).toBe(201);
    expect(client.requests).toHaveLength(1);
  });
});

describe('requests of one client', () => {
  test('requests beyond the share of one client are refused, and none of another client', async () => {
    const { client, post } = await setup({ clientRequestsMax: 2 });
    const settle = holdAnswers(client);
    const first = [post('a'), post('a')];
    await eventually(() => expect(client.requests).toHaveLength(2));
    const refused = await post('a');
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(await refused.json()).toMatchObject({
      code: 'rate_limited',
      detail: 'This client already has 2 requests under way.',
    });
    const other = post('b');
    await eventually(() => expect(client.requests).toHaveLength(3));
    settle();
    expect((await Promise.all([...first, other])).map(({ status }) => status)).toEqual([201, 201, 201]);
    const again = post('a');
    await eventually(() => expect(client.requests).toHaveLength(4));
    settle();
    expect((await again).status).toBe(201);
  });

  test('requests count until they are settled, even when no client waits for them any more', async () => {
    const { client, post, connections } = await setup({ clientRequestsMax: 1 });
    const settle = holdAnswers(client);
    const leaving = new AbortController();
    const left = post('a', undefined, leaving.signal).catch(() => 'left');
    await eventually(() => expect(client.requests).toHaveLength(1));
    leaving.abort();
    expect(await left).toBe('left');
    await eventually(async () => expect(await connections()).toBe(0));
    expect((await post('a')).status).toBe(429);
    settle();
    client.answer = () => created;
    await eventually(async () => expect((await post('a')).status).toBe(201));
  });

  test('requests beyond the rate of a client are refused, and lines of a bulk request wait instead', async () => {
    const { client, post } = await setup({ clientRate: 4 });
    // However long the five take.
    vi.useFakeTimers({ toFake: ['performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const statuses = [];
    for (let count = 0; count < 5; count++) statuses.push((await post('a')).status);
    vi.useRealTimers();
    expect(statuses).toEqual([201, 201, 201, 201, 429]);
    const line = '{"endpoint":"ed-fi/schools","document":{"schoolId":1}}\n';
    const answers = await (await post('b', line.repeat(6), undefined, '/bulk')).text();
    expect(answers.match(/"status":201/g)).toHaveLength(6);
    expect(client.requests).toHaveLength(10);
  });
});

describe('a request', () => {
  test('a request with too many elements in an array is refused at the first beyond', async () => {
    const { post } = await setup({ arrayLengthMax: 3 });
    expect((await post('a', '{"schoolId":1,"list":[1,2,3]}')).status).toBe(201);
    const refused = await post('a', '{"schoolId":1,"list":[1,2,3,4]}');
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({ code: 'invalid_json', errors: [{ path: '$.list[3]' }] });
  });

  test('a request with too large headers is refused', async () => {
    const { say } = await setup({ headerBytesMax: 2_048 });
    const answer = await say(`GET /healthz HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(3_000)}\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 431 Request Header Fields Too Large\r\n/);
    expect(answer).toContain('"code":"header_too_large"');
  });

  test('a request without all its headers in time is ended', async () => {
    const { say } = await setup({ headerTimeoutMs: 100 });
    const answer = await say('GET /healthz HTTP/1.1\r\nHost: a\r\nX: ');
    expect(answer).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
    expect(answer).toContain('"code":"request_timeout"');
  });

  test('a request without all its body in time is ended', async () => {
    const { client, say, authorization } = await setup({ bodyTimeoutMs: 100 });
    const answer = await say(
      `POST ${schools} HTTP/1.1\r\nHost: a\r\nAuthorization: ${authorization('a')}\r\n` +
        'Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"schoolId":',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
    expect(answer).toContain('"code":"request_timeout"');
    expect(client.requests).toEqual([]);
  });

  test.each([
    ['of nobody', '', 'application/json', 401],
    ['of a client, of another media type', 'a', 'text/csv', 415],
  ])(
    'a request %s, answered before its body came, loses its connection',
    async (_whose, name, type, status) => {
      const { say, authorization } = await setup({ bodyTimeoutMs: 300 });
      const own = name === '' ? '' : `Authorization: ${authorization(name)}\r\n`;
      const answer = await say(
        `POST ${schools} HTTP/1.1\r\nHost: a\r\n${own}Content-Type: ${type}\r\nContent-Length: 1000\r\n\r\n{"schoolId":`,
      );
      expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    },
  );

  test('a client that waits for 100 Continue is refused without sending its body, or told to go on', async () => {
    const { open, say, authorization } = await setup({ bodyTimeoutMs: 300 });
    const body = '{"schoolId":1}';
    const ask = (own: string, expectation = '100-continue') =>
      `POST ${schools} HTTP/1.1\r\nHost: a\r\n${own}Expect: ${expectation}\r\nConnection: close\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
    expect(await say(ask(''))).toMatch(/^HTTP\/1\.1 401 /);
    const own = `Authorization: ${authorization('a')}\r\n`;
    const socket = await open();
    socket.write(ask(own));
    const [told] = (await once(socket, 'data')) as [string];
    expect(told).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    socket.write(body);
    expect((await socket.toArray()).join('')).toMatch(/^HTTP\/1\.1 201 /);
    expect(await say(ask(own).replace(/(?<=Content-Length: )\d+/, '1000000000'))).toMatch(/^HTTP\/1\.1 413 /);
    const other = await say(ask(own, 'something-else'));
    expect(other).toMatch(/^HTTP\/1\.1 400 [^]*"code":"invalid_request"/);
  });

  test('a silent bulk request is ended after the answers to its lines', async () => {
    const { client, say, authorization } = await setup({ bodyTimeoutMs: 300 });
    const line = '{"endpoint":"ed-fi/schools","document":{"schoolId":1}}\n';
    const answer = await say(
      `POST /bulk HTTP/1.1\r\nHost: a\r\nAuthorization: ${authorization('a')}\r\n` +
        `Content-Type: application/x-ndjson\r\nContent-Length: 1000\r\n\r\n${line}`,
    );
    expect(answer).toContain('"line":1,"status":201');
    expect(client.requests).toHaveLength(1);
  });
});
