// Hostile requests to nodes of both profiles, with and without authentication, each burst with sound requests beside it.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { modes } from 'sluice/internal/protocol';
import { isEdFiAbsent } from '../support/edfi.ts';
import { eventually } from '../support/eventually.ts';
import type { Rng } from '../chaos/rng.ts';
import { Campaign, casesOf, rngOf, within } from './campaign.ts';
import { oneKey, useFuzzWorld, type FuzzWorld } from './fuzz-world.ts';
import { canary } from './hostile-documents.ts';
import {
  brokenLine,
  credentialsKind,
  requestKinds,
  socketKinds,
  type HostileRequest,
  type RequestGround,
} from './hostile-requests.ts';

const burstSize = 40;
const hangMs = 60_000;

interface Profile {
  endpoint: string;
  document: (code: string) => string;
}

const native: Profile = {
  endpoint: 'fuzz/things',
  document: (code) => JSON.stringify({ code, secret: canary }),
};

const edFi: Profile = {
  endpoint: 'ed-fi/students',
  document: (code) =>
    JSON.stringify({ studentUniqueId: code, birthDate: '2010-01-01', firstName: canary, lastSurname: 'B' }),
};

function fuzzRequests(
  title: string,
  share: number,
  world: FuzzWorld,
  profile: Profile,
  authorization: string | null,
): void {
  const campaign = new Campaign(title);
  const { cases, timeoutMs } = casesOf(share);
  const own: Record<string, string> = authorization === null ? {} : { authorization };
  let sound = 0;

  async function prepare(): Promise<RequestGround> {
    const answer = await world.nodes.direct.inject({
      method: 'POST',
      url: `/data/${profile.endpoint}`,
      headers: { 'content-type': 'application/json', ...own },
      payload: profile.document('ground'),
    });
    const documentId = answer.headers.location?.split('/').at(-1) ?? '';
    expect(documentId).not.toBe('');
    return { ...profile, documentId, authorization };
  }

  async function send(rng: Rng, { method, url, headers, payload }: HostileRequest) {
    return world.nodes[rng.pick(modes)].inject({
      method: method as 'GET',
      url,
      headers: { ...own, ...headers },
      ...(payload === undefined ? {} : { payload }),
    });
  }

  async function neighbour(rng: Rng): Promise<void> {
    const code = `sound-${++sound}`;
    const payload = profile.document(code);
    const headers = { 'content-type': 'application/json' };
    const { statusCode, body } = await send(rng, {
      method: 'POST',
      url: `/data/${profile.endpoint}`,
      headers,
      payload,
      fate: 'accepted',
    });
    campaign.count('sound neighbours', 'accepted');
    if (statusCode !== 201) campaign.fault('sound neighbours', sound, `got ${statusCode} ${body}`, payload);
  }

  async function burst(ground: RequestGround, kind: string, number: number, size: number): Promise<void> {
    const requests = Array.from({ length: size }, async (_, place) => {
      const at = number + place;
      const rng = rngOf(`${title} ${kind}`, at);
      const request = (requestKinds[kind] ?? credentialsKind)(
        rng,
        ground,
        `r${kind.length}${kind.charCodeAt(0)}-${at}`,
      );
      judge(kind, at, request, await within(hangMs, `${kind} ${at}`, send(rng, request)));
    });
    await Promise.all([...requests, neighbour(rngOf(title, number)), neighbour(rngOf(title, number + 1))]);
  }

  function judge(
    kind: string,
    number: number,
    request: HostileRequest,
    answer: Awaited<ReturnType<typeof send>>,
  ): void {
    const { statusCode: status, body, headers } = answer;
    const became = status < 400 ? 'accepted' : 'refused';
    campaign.count(kind, became);
    const input = JSON.stringify(request);
    const fault = (what: string): void =>
      campaign.fault(kind, number, `${what}: ${status} ${body.slice(0, 500)}`, input);
    if (request.fate !== null && request.fate !== became) fault(`${became}, and not ${request.fate}`);
    // A wait of no time at all ends before anything is settled.
    if (status === 503 && /wait=0/.test(JSON.stringify(request.headers))) return;
    if (status >= 500) fault('a fault of the node');
    if (became === 'accepted' || request.method === 'HEAD') return;
    if (body.includes(canary) && !request.url.includes(canary)) fault('shows what it refuses');
    // Ed-Fi answers some absences without a body.
    if (body === '' && status === 404) return;
    const isProblem = String(headers['content-type']).startsWith('application/problem+json');
    if (!isProblem || (JSON.parse(body) as { status?: number }).status !== status) fault('no problem');
  }

  test(
    'hostile requests are answered as errors of the client, or taken',
    { timeout: timeoutMs },
    async () => {
      const ground = await prepare();
      const kinds = [...Object.keys(requestKinds), ...(authorization === null ? [] : ['odd credentials'])];
      const each = Math.ceil((cases * 0.7) / kinds.length);
      for (const kind of kinds) {
        for (let number = 0; number < each; number += burstSize) {
          await burst(ground, kind, number, Math.min(burstSize, each - number));
        }
      }
      expect(campaign.faults).toEqual([]);
    },
  );

  test('a hostile bulk request gets an answer for each line', { timeout: timeoutMs }, async () => {
    const linesOfOne = 50;
    for (let number = 0; number < cases * 0.25; number += linesOfOne) {
      const rng = rngOf(`${title} bulk`, number);
      const lines = Array.from({ length: linesOfOne }, (_, index) => {
        const code = `b-${number + index}`;
        const isBroken = rng.chance(0.7);
        const text = isBroken
          ? brokenLine(rng, profile.endpoint)
          : `{"endpoint":"${profile.endpoint}","document":${profile.document(code)}}`;
        return { isBroken, text };
      });
      const payload =
        lines.map(({ text }) => text).join(rng.pick(['\n', '\r\n'])) + rng.pick(['', '\n', '\n\n']);
      const headers = { 'content-type': 'application/x-ndjson' };
      const request: HostileRequest = { method: 'POST', url: '/bulk', headers, payload, fate: 'accepted' };
      const { statusCode, body } = await within(hangMs, `bulk ${number}`, send(rng, request));
      const answers = body
        .split('\n')
        .filter(Boolean)
        .map((text) => JSON.parse(text) as { line: number; status: number; problem?: unknown });
      const byLine = new Map(answers.map((answer) => [answer.line, answer]));
      if (statusCode !== 200 || answers.length !== linesOfOne || byLine.size !== linesOfOne)
        campaign.fault('lines of bulk requests', number, `${statusCode}, ${answers.length} answers`, body);
      lines.forEach(({ isBroken, text }, index) => {
        const answer = byLine.get(index + 1);
        const isRefused =
          answer !== undefined && answer.status >= 400 && answer.status < 500 && answer.problem !== undefined;
        campaign.count('lines of bulk requests', isRefused ? 'refused' : 'accepted');
        if (
          isBroken !== isRefused ||
          (!isBroken && answer?.status !== 201) ||
          JSON.stringify(answer).includes(canary)
        )
          campaign.fault('lines of bulk requests', number + index, `got ${JSON.stringify(answer)}`, text);
      });
    }
    expect(campaign.faults).toEqual([]);
  });

  test('hostile bytes that are hardly HTTP do not harm a node', { timeout: timeoutMs }, async () => {
    const ground = await prepare();
    const app = world.nodes.coordinated;
    await app.listen({ host: '127.0.0.1', port: 0 });
    const { port } = app.server.address() as AddressInfo;
    const kinds = Object.keys(socketKinds);
    const each = Math.ceil((cases * 0.05) / kinds.length);
    for (const kind of kinds) {
      for (let number = 0; number < each; number += 10) {
        const talks = Array.from({ length: Math.min(10, each - number) }, async (_, place) => {
          const at = number + place;
          const { pieces, ends } = socketKinds[kind]!(
            rngOf(`${title} ${kind}`, at),
            ground,
            `s${kind.length}-${at}`,
          );
          const heard = await within(hangMs, `${kind} ${at}`, talk(port, pieces, ends));
          const statuses = [...heard.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)].map(([, status]) => Number(status));
          campaign.count(kind, statuses.some((status) => status < 400) ? 'accepted' : 'refused');
          if (statuses.some((status) => status >= 500) || heard.includes(canary))
            campaign.fault(kind, at, `heard ${heard.slice(0, 600)}`, pieces.join('').slice(0, 600));
        });
        await Promise.all([...talks, neighbour(rngOf(title, number))]);
      }
    }
    expect(campaign.faults).toEqual([]);
    // Nothing holds a connection for good.
    app.server.closeIdleConnections();
    await eventually(async () => {
      const open = await new Promise<number>((resolve) =>
        app.server.getConnections((_error, count) => resolve(count)),
      );
      expect(open).toBe(0);
    });
    expect(world.logged()).not.toContain(canary);
    expect(world.logged()).not.toMatch(/"level":(50|60)/);
  });
}

/** What the node says until the connection ends. */
async function talk(port: number, pieces: readonly (string | Buffer)[], ends: boolean): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: false });
  let heard = '';
  socket.setEncoding('latin1');
  socket.on('data', (chunk) => (heard += String(chunk)));
  // The node may hang up on what it will not hear.
  socket.on('error', () => undefined);
  const closed = once(socket, 'close');
  await once(socket, 'connect');
  for (const piece of pieces) {
    if (socket.destroyed) break;
    socket.write(piece);
    await new Promise(setImmediate);
  }
  if (ends) socket.end();
  await closed;
  return heard;
}

const limits = { headerTimeoutMs: 2_000, bodyTimeoutMs: 2_000 };

describe('hostile requests', () => {
  fuzzRequests('hostile requests', 0.08, useFuzzWorld({ api: { limits } }), native, null);
});

describe('hostile requests, where clients are asked who they are', () => {
  const { auth, authorization } = oneKey();
  fuzzRequests(
    'hostile requests, authenticated',
    0.05,
    useFuzzWorld({ api: { auth, limits } }),
    native,
    authorization,
  );
});

describe.skipIf(isEdFiAbsent)('hostile requests, to a node that speaks Ed-Fi', () => {
  const world = useFuzzWorld({ profile: 'edfi', api: { limits } });
  fuzzRequests('hostile requests, Ed-Fi', 0.04, world, edFi, null);
});
