// Requests that somebody careless or hostile would send: odd methods, paths, headers and bodies, for `inject`, and what is
// hardly HTTP at all, for sockets.

import { randomUUID } from 'node:crypto';
import type { Rng } from '../chaos/rng.ts';
import { canary } from './hostile-documents.ts';

export interface HostileRequest {
  method: string;
  url: string;
  headers: Record<string, string | string[]>;
  payload?: string | Buffer;
  /** What must become of it; null: whatever is no fault of the node. */
  fate: 'accepted' | 'refused' | null;
}

/** What a request is made on: endpoints and ids that are there. */
export interface RequestGround {
  endpoint: string;
  /** A document that is there. */
  documentId: string;
  /** A sound document that nobody has. */
  document: (code: string) => string;
  authorization: string | null;
}

type Grammar = (rng: Rng, ground: RequestGround, code: string) => HostileRequest;

const json = { 'content-type': 'application/json' };
const times = (count: number, text: string): string => text.repeat(count);
/** `%` and a byte, whether that is sound or not. */
const escapes = [
  '%00',
  '%',
  '%2',
  '%zz',
  '%c3%28',
  '%ff',
  '%2f',
  '%5c',
  '%2e%2e',
  '%0d%0a',
  '%e2%80%ae',
  '%F0%9F%98%80',
  '%25',
  '%23',
  '%3f',
];
const segments = [
  '', '.', '..', '...', ';', ':', '*', '**', '(.*)', ':id', '~', '$', '@', '!', "'", ',', '&&', '+', 'constructor', '__proto__', 'toString',
  'null', 'undefined', 'NaN', '0', '-1', 'bulk', 'data', 'writes', 'metadata', 'docs', 'openapi.json', times(99, 'x'), times(101, 'x'), times(6_000, 'y'),
]; // prettier-ignore
const entityTags = [
  '*',
  '""',
  '"',
  'W/',
  'W/"x"',
  '"a","b"',
  '*, *',
  ',',
  'x',
  '"x',
  times(300, 't'),
  `"${canary}"`,
  'null',
  '\u00ff',
];
const keys = [
  '',
  '"',
  '""',
  '"a',
  'a b',
  'é',
  'ÿ',
  times(256, 'k'),
  '"\\"',
  '"\\x"',
  ',',
  '\ta',
  `${canary} x`,
];
const preferences = [
  '', ',', ';', '=', 'wait', 'wait=', 'wait=x', 'wait=-1', 'wait=1e9', 'wait=99999999999999', 'wait="5"', 'wait=5;x', 'wait=5, wait=0', ',,wait=5',
  'respond-async=0', 'return=minimal', 'WAIT=5', 'wait-for-references', 'wait-for-references=x', times(4_000, 'a,'), '"', 'x="\\"', `y=${canary}`,
]; // prettier-ignore
const contentTypes = [
  '', ' ', 'text/plain', 'text/html', 'application/xml', 'multipart/form-data', 'multipart/form-data; boundary=x', 'application/x-www-form-urlencoded',
  'application', 'application/', '/json', 'json', 'application/json;', 'application/json; charset=utf-16', 'application/json; charset=latin1',
  'application/json; charset="utf-8', 'application/json, text/plain', 'APPLICATION/JSON', 'application/problem+json', 'application/+json', 'application/jsonx',
  '*/*', ';', `x/${canary}`, 'application/x-ndjson', times(2_000, 'a'), 'application/json; a=b; c="d;e"', 'text/json', '\u00ff/\u00ff',
]; // prettier-ignore
const credentials = [
  '', ' ', 'Bearer', 'Bearer ', 'bearer x', 'Basic dTpw', `Bearer ${canary}`, 'Bearer a.b.c', 'Bearer ..', `Bearer sluice_${times(12, '0')}_${times(43, 'A')}`,
  `Bearer ${times(10_000, 'x')}`, `Bearer${times(5_000, ' ')}x`, 'Bearer x y', 'Bearer eyJhbGciOiJub25lIn0.e30.', 'Digest x', '\u00ff', 'Bearer \u00ff', 'null', 'undefined',
]; // prettier-ignore
const traces = [
  '',
  '00-0-0-0',
  `00-${times(32, '0')}-${times(16, '0')}-00`,
  `ff-${times(32, 'f')}-${times(16, 'f')}-ff`,
  times(3_000, '0'),
  '\u00ff',
  `${canary}-x`,
];

function oddPath(rng: Rng, { endpoint, documentId }: RequestGround): string {
  const sound = rng.pick([
    `/data/${endpoint}`,
    `/data/${endpoint}/${documentId}`,
    '/bulk',
    '/writes/query',
    `/writes/${documentId}`,
    '/healthz',
  ]);
  switch (rng.int(0, 5)) {
    case 0:
      return `/${Array.from({ length: rng.int(1, 6) }, () => rng.pick([...segments, ...escapes])).join('/')}`;
    case 1:
      return (
        sound +
        rng.pick([
          ...escapes,
          '/',
          '//',
          '/..',
          '/.',
          ';x=1',
          '?',
          '??',
          '?=',
          '?&',
          '?a',
          '?%',
          '?%00=1',
          '#x',
        ])
      );
    case 2: {
      const at = rng.int(1, sound.length);
      return sound.slice(0, at) + rng.pick([...escapes, ...segments]) + sound.slice(at);
    }
    case 3:
      return sound.replaceAll(/[a-z]/g, (letter) =>
        rng.chance(0.3) ? `%${letter.charCodeAt(0).toString(16)}` : letter,
      );
    case 4:
      return `/data/${rng.pick(segments)}/${rng.pick(segments)}/${rng.pick([documentId, randomIds(rng)])}`;
    default:
      return rng.chance(0.5) ? sound.toUpperCase() : `/${sound}`;
  }
}

const randomIds = (rng: Rng): string =>
  rng.pick([
    'x', '00000000-0000-0000-0000-000000000000', 'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF', '{00000000-0000-0000-0000-000000000000}', randomUUID().replaceAll('-', ''),
    `${randomUUID()}0`, randomUUID().slice(1), `${randomUUID()}%00`, "' or 1=1 --", '%27%3B', times(2_000, '0'),
  ]); // prettier-ignore

const oddHeaders: Readonly<Record<string, readonly string[]>> = {
  prefer: preferences,
  'idempotency-key': keys,
  'if-match': entityTags,
  'if-none-match': entityTags,
  traceparent: traces,
  tracestate: traces,
  host: [
    '',
    'a b',
    'x\u00ff',
    '::',
    '[',
    'evil.example',
    'evil.example:99999',
    times(2_000, 'h'),
    '/',
    `${canary}.example`,
  ],
  origin: ['null', 'x', 'http://evil.example', times(1_000, 'o')],
  'x-forwarded-for': ['x', times(2_000, '1,')],
  'x-http-method-override': ['DELETE', 'x'],
  accept: ['', 'text/html', '*/*;q=x', times(4_000, 'a/b,')],
  'content-encoding': ['gzip', 'br', 'identity, gzip', 'x', 'deflate'],
  range: ['bytes=0-', 'bytes=-1', 'x'],
  cookie: ['a', '=', times(4_000, 'a=b;')],
  expect: ['x'],
};

/** Requests by kind. */
export const requestKinds: Readonly<Record<string, Grammar>> = {
  'odd method': (rng, { endpoint, documentId, document }, code) => ({
    method: rng.pick([
      'PATCH',
      'OPTIONS',
      'HEAD',
      'TRACE',
      'PROPFIND',
      'MKCOL',
      'LOCK',
      'SEARCH',
      'REPORT',
      'PURGE',
      'QUERY',
      'PUT',
      'DELETE',
      'POST',
    ]),
    url: rng.pick([
      `/data/${endpoint}`,
      '/bulk',
      '/writes/query',
      '/healthz',
      '/openapi.json',
      '/nowhere',
      '/',
      `/writes/${documentId}`,
    ]),
    headers: rng.chance(0.5) ? json : {},
    ...(rng.chance(0.5) ? { payload: document(code) } : {}),
    fate: null,
  }),
  'odd path': (rng, ground, code) => {
    const method = rng.pick(['GET', 'GET', 'POST', 'PUT', 'DELETE']);
    const payload = method === 'POST' || method === 'PUT' ? { payload: ground.document(code) } : {};
    return {
      method,
      url: oddPath(rng, ground),
      headers: method === 'GET' ? {} : json,
      ...payload,
      fate: null,
    };
  },
  'odd query': (rng, { endpoint }) => {
    const name = rng.pick([
      'limit',
      'offset',
      'totalCount',
      'LIMIT',
      'limit[]',
      'limit[a]',
      '__proto__',
      'constructor[x]',
      '',
      '%00',
      'firstName',
      'schoolId',
      'codeValue',
      'birthDate',
      'studentUniqueId',
    ]);
    const value = rng.pick([
      '',
      '-1',
      '1.5',
      '1e3',
      '501',
      '2147483648',
      '99999999999',
      'x',
      'null',
      '%00',
      '%',
      '%ff',
      '%zz',
      'true',
      '1&limit=2',
      'a%00b',
      "'",
      '%22%7d',
      '%ed%a0%80',
      '2024-99-99',
      times(4_000, 'z'),
    ]);
    return {
      method: 'GET',
      url: `/data/${endpoint}?${name}=${value}${rng.pick(['', '&', '&&', '&a', `&x=${canary}`])}`,
      headers: {},
      fate: null,
    };
  },
  'odd header': (rng, { endpoint, documentId, document }, code) => {
    const names = rng.shuffle(Object.keys(oddHeaders)).slice(0, rng.int(1, 3));
    const headers: Record<string, string | string[]> = { ...json };
    for (const name of names) headers[name] = rng.pick(oddHeaders[name]!);
    const method = rng.pick(['POST', 'POST', 'PUT', 'GET', 'DELETE']);
    const url =
      method === 'POST'
        ? `/data/${endpoint}`
        : `/data/${endpoint}/${rng.chance(0.5) ? documentId : randomUUID()}`;
    // The document that others rest on stays.
    if (method !== 'GET' && url.endsWith(documentId)) headers['if-match'] = '"another"';
    return { method, url, headers, ...(method === 'GET' ? {} : { payload: document(code) }), fate: null };
  },
  'header twice': (rng, { endpoint, document }, code) => {
    const name = rng.pick([
      'idempotency-key',
      'prefer',
      'if-match',
      'traceparent',
      'content-type',
      'authorization',
    ]);
    const values = rng.pick([
      ['a', 'b'],
      ['a', 'a'],
      ['', ''],
      ['wait=5', 'wait=x'],
    ]);
    return {
      method: 'POST',
      url: `/data/${endpoint}`,
      headers: { ...json, [name]: values },
      payload: document(code),
      fate: null,
    };
  },
  'odd content type': (rng, { endpoint, document }, code) => ({
    method: rng.pick(['POST', 'POST', 'PUT']),
    url: rng.pick([`/data/${endpoint}`, '/bulk', '/writes/query', `/data/${endpoint}/${randomUUID()}`]),
    headers: { 'content-type': rng.pick(contentTypes) },
    payload: rng.chance(0.9) ? document(code) : '',
    fate: null,
  }),
  'idempotency key again': (rng, { endpoint, document }, code) => ({
    method: 'POST',
    url: `/data/${endpoint}`,
    headers: { ...json, 'idempotency-key': `again-${rng.int(0, 5)}` },
    payload: document(code),
    fate: null,
  }),
  'query for writes': (rng) => ({
    method: 'POST',
    url: '/writes/query',
    headers: json,
    payload: rng.pick([
      '', '{', 'null', '[]', '{}', '{"ids":null}', '{"ids":"x"}', '{"ids":[null]}', '{"ids":[1]}', '{"ids":[{}]}', '{"ids":["x"]}', '{"ids":["\\u0000"]}',
      '{"ids":["\\ud800"]}', '{"__proto__":{"ids":[]}}', '{"constructor":{"prototype":{}},"ids":[]}', '\ufeff{"ids":[]}', '{"ids":[]}{"ids":[]}', '{"ids":[],"ids":[1]}',
      `{"ids":[${Array.from({ length: 1_001 }, () => `"${randomUUID()}"`).join()}]}`, `{"ids":["${canary}"]}`, times(50_000, '['), `{"x":"${times(140_000, 'x')}"}`,
      `{"ids":["${randomUUID()}"]}`, '{"ids":{"length":3}}', '{"ids":[["x"]]}', 'NaN',
    ]), // prettier-ignore
    fate: null,
  }),
  'update with an odd body': (rng, { endpoint, documentId, document }, code) => {
    const sound = document(code);
    const id = rng.pick([
      'null',
      '1',
      '""',
      `"${randomUUID()}"`,
      '{}',
      '[]',
      `"${documentId.toUpperCase()}x"`,
      '"\\u0000"',
    ]);
    const payload = rng.pick([
      `{"id":${id},${sound.slice(1)}`,
      `{"id":"${documentId}","id":"${documentId}",${sound.slice(1)}`,
      '',
      '{}',
      '[]',
      'null',
      `{"id":"${documentId}"}`,
    ]);
    return {
      method: 'PUT',
      url: `/data/${endpoint}/${documentId}`,
      headers: { ...json, 'if-match': '"another"' },
      payload,
      fate: 'refused',
    };
  },
  'sound request': (_rng, { endpoint, document }, code) => ({
    method: 'POST',
    url: `/data/${endpoint}`,
    headers: json,
    payload: document(code),
    fate: 'accepted',
  }),
};

export const credentialsKind: Grammar = (rng, { endpoint, documentId, document }, code) => ({
  method: rng.pick(['POST', 'GET', 'PUT', 'DELETE']),
  url: rng.pick([
    `/data/${endpoint}`,
    `/data/${endpoint}/${documentId}`,
    '/bulk',
    '/writes/query',
    `/writes/${documentId}`,
  ]),
  headers: { ...json, authorization: rng.pick(credentials) },
  payload: document(code),
  fate: 'refused',
});

/** A line of a bulk request that must be refused. */
export function brokenLine(rng: Rng, endpoint: string): string {
  return rng.pick([
    'x', '{', '}', '[]', '{}', 'null', '1', '"x"', '   ', '\u0000\u0000\u0000', '{"endpoint":null}', '{"endpoint":1,"document":{}}', `{"endpoint":"${endpoint}"}`,
    `{"endpoint":"/nowhere/things","document":{}}`, `{"endpoint":"__proto__","document":{}}`, `{"endpoint":"${endpoint}","document":null}`,
    `{"endpoint":"${endpoint}","document":[]}`, `{"endpoint":"${endpoint}","document":{}}`, `{"endpoint":"${endpoint}","document":{},"more":1}`,
    `{"endpoint":"${endpoint}","document":{},"operation":"drop"}`, `{"endpoint":"${endpoint}","document":{},"operation":["upsert"]}`,
    `{"endpoint":"${endpoint}","document":{},"id":"${randomUUID()}"}`, `{"endpoint":"${endpoint}","operation":"delete"}`,
    `{"endpoint":"${endpoint}","operation":"delete","id":1}`, `{"endpoint":"${endpoint}","operation":"delete","id":"x"}`,
    `{"endpoint":"${endpoint}","operation":"delete","id":"${randomUUID()}","document":{}}`, `{"endpoint":"${endpoint}","operation":"update","id":"${randomUUID()}"}`,
    `{"endpoint":"${endpoint}","operation":"delete","id":"${randomUUID()}","ifMatch":1}`, `{"endpoint":"${endpoint}","operation":"delete","id":"${randomUUID()}","ifMatch":"a,b"}`,
    `{"endpoint":"${endpoint}","document":{"code":1},"idempotencyKey":""}`, `{"endpoint":"${endpoint}","document":{"code":1},"idempotencyKey":{}}`,
    `{"endpoint":"${endpoint}","document":{"x":"${canary}"},"document":{}}`, `{"__proto__":{"endpoint":"${endpoint}"},"document":{}}`,
    `{"endpoint":"${endpoint}","document":{"x":"${canary}"}`, `\ufeff{"endpoint":"${endpoint}","document":{}}`, `{"endpoint":"${endpoint}","document":{"v":"\\ud800"}}`,
    `{"endpoint":"${endpoint}","document":{"v":${times(70, '[')}${times(70, ']')}}}`, times(3_000, '{'), `{"endpoint":"${times(3_000, 'e')}","document":{}}`,
  ]); // prettier-ignore
}

export interface SocketTalk {
  /** Sent one after the other, in packets of their own. */
  pieces: (string | Buffer)[];
  /** Whether the sender says that nothing follows; else it waits for the node to end it. */
  ends: boolean;
}

type Talk = (rng: Rng, ground: RequestGround, code: string) => SocketTalk;

function post(
  { endpoint, authorization }: RequestGround,
  headers: string,
  body: string | Buffer,
  connection = 'close',
): (string | Buffer)[] {
  const guarded = authorization === null ? '' : `Authorization: ${authorization}\r\n`;
  return [
    `POST /data/${endpoint} HTTP/1.1\r\nHost: x\r\n${guarded}Content-Type: application/json\r\nConnection: ${connection}\r\n${headers}\r\n`,
    body,
  ];
}

const chunked = 'Transfer-Encoding: chunked\r\n';

/** Talks by kind. */
export const socketKinds: Readonly<Record<string, Talk>> = {
  garbage: (rng) => ({
    pieces: Array.from({ length: rng.int(1, 4) }, () =>
      Buffer.from(Array.from({ length: rng.int(1, 400) }, () => rng.int(0, 255))),
    ),
    ends: true,
  }),
  'no HTTP': (rng) => ({
    pieces: [
      rng.pick([
        '\r\n\r\n', 'GET\r\n\r\n', 'GET / HTTP/9.9\r\n\r\n', 'GET / HTTP/1.1\r\n\r\n', 'GET / HTTP/1.1\nHost: x\n\n', 'get / http/1.1\r\n\r\n', 'GET  / HTTP/1.1\r\nHost: x\r\n\r\n',
        'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', '\u0016\u0003\u0001\u0002\u0000', 'GET / HTTP/1.1\r\nHost : x\r\n\r\n', 'GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n', 'GET / HTTP/1.1\r\n: x\r\n\r\n',
        'GET / HTTP/1.1\r\nHost: x\r\nX: a\u0000b\r\n\r\n', 'GET \u0000 HTTP/1.1\r\nHost: x\r\n\r\n', 'CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n', 'GET http://evil.example/ HTTP/1.1\r\nHost: x\r\n\r\n',
        'GET //x/..//.. HTTP/1.0\r\n\r\n', 'OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n', 'GET * HTTP/1.1\r\nHost: x\r\n\r\n', 'GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
        'GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n', 'GET / HTTP/1.1\r\nHost: x\r\nExpect: x\r\n\r\n', 'GET /data HTTP/1.1\r\nHost: x\r\nConnection: ,,close,x\r\n\r\n',
      ]), // prettier-ignore
    ],
    ends: true,
  }),
  'large headers': (rng) => ({
    pieces: [
      `GET /healthz HTTP/1.1\r\nHost: x\r\n${rng.pick([`X: ${times(20_000, 'x')}\r\n`, times(3_000, 'X: y\r\n'), `${times(17_000, 'N')}: y\r\n`])}\r\n`,
    ],
    ends: true,
  }),
  'body cut off': (rng, ground, code) => {
    const body = ground.document(code);
    const sent = body.slice(0, rng.int(0, body.length - 1));
    return { pieces: post(ground, `Content-Length: ${body.length}\r\n`, sent), ends: rng.chance(0.7) };
  },
  'wrong length': (rng, ground, code) => {
    const body = ground.document(code);
    const length = rng.pick([
      '-1',
      '+5',
      '5',
      '0',
      'x',
      '0x10',
      '1e3',
      '1,1',
      '99999999999999999999',
      '5 5',
      '',
      ' ',
      String(body.length - 1),
      '104857600',
    ]);
    return { pieces: post(ground, `Content-Length: ${length}\r\n`, body), ends: rng.chance(0.7) };
  },
  'two lengths': (rng, ground, code) => {
    const body = ground.document(code);
    const headers = rng.pick([
      `Content-Length: ${body.length}\r\nContent-Length: 1\r\n`,
      `Content-Length: ${body.length}\r\n${chunked}`,
      `${chunked}${chunked}`,
      'Transfer-Encoding: gzip, chunked\r\n',
      'Transfer-Encoding: x\r\n',
      'Transfer-Encoding:\tchunked, identity\r\n',
    ]);
    return { pieces: post(ground, headers, body), ends: rng.chance(0.7) };
  },
  'odd chunks': (rng, ground, code) => {
    const body = ground.document(code);
    const size = body.length.toString(16);
    const sent = rng.pick([
      `${size}\r\n${body}\r\n0\r\n\r\n`, `${size};a=b\r\n${body}\r\n0\r\nX: y\r\n\r\n`, `x\r\n${body}\r\n0\r\n\r\n`, `-1\r\n${body}\r\n0\r\n\r\n`, `ffffffffffffffff\r\n${body}`, `${size}\r\n${body}0\r\n\r\n`,
      `${size}\n${body}\n0\n\n`, `1\r\n${body}\r\n0\r\n\r\n`, '0\r\n\r\n', `0\r\n\r\n${body}`, `${size}\r\n${body}`, `${size};${times(20_000, 'x')}\r\n${body}\r\n0\r\n\r\n`,
    ]); // prettier-ignore
    const cut = rng.int(0, sent.length);
    return { pieces: [...post(ground, chunked, sent.slice(0, cut)), sent.slice(cut)], ends: rng.chance(0.7) };
  },
  'byte by byte': (_rng, ground, code) => {
    const body = ground.document(code);
    return {
      pieces: post(ground, `Content-Length: ${body.length}\r\n`, body).join('').split(''),
      ends: false,
    };
  },
  pipelined: (rng, ground, code) => {
    const requests = Array.from({ length: rng.int(2, 20) }, (_, index) => {
      const body = rng.chance(0.7) ? ground.document(`${code}-${index}`) : rng.pick(['{', '', 'null']);
      return post(ground, `Content-Length: ${body.length}\r\n`, body, 'keep-alive').join('');
    });
    const last = rng.pick(['x\r\n\r\n', 'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n']);
    return { pieces: [requests.join('') + last], ends: rng.chance(0.3) };
  },
  'bulk cut off': (rng, { endpoint, authorization, document }, code) => {
    const lines = Array.from({ length: rng.int(1, 10) }, (_, index) =>
      rng.chance(0.5)
        ? `{"endpoint":"${endpoint}","document":${document(`${code}-${index}`)}}`
        : brokenLine(rng, endpoint),
    ).join('\n');
    const guarded = authorization === null ? '' : `Authorization: ${authorization}\r\n`;
    const head = `POST /bulk HTTP/1.1\r\nHost: x\r\n${guarded}Content-Type: application/x-ndjson\r\nContent-Length: ${Buffer.byteLength(lines) + rng.int(0, 9)}\r\n\r\n`;
    return { pieces: [head, lines.slice(0, rng.int(0, lines.length))], ends: true };
  },
};
