// Faults that somebody could make in what guards documents, each with the test that has to notice it. A guard that stands
// twice is taken away in both places.

import type { Fault } from '../simulation/overlay.ts';

export interface SecurityMutant {
  name: string;
  faults: Fault[];
  /** The test file that must fail. */
  test: string;
  /** It is about how a server is started. */
  isOfServer?: boolean;
}

const api = 'packages/api/src';
const tokens = `${api}/auth/token-check.ts`;
const tokenTest = `${api}/auth/token-check.test.ts`;
const ring = `${api}/auth/key-ring.ts`;
const ringTest = `${api}/auth/key-ring.test.ts`;
const guard = `${api}/auth/guard.ts`;
const scanner = `${api}/json-scanner.ts`;
const jsonTokens = `${api}/json-tokens.ts`;
const scannerTest = `${api}/json-scanner.test.ts`;
const limitsTest = `${api}/limits.test.ts`;
const headers = `${api}/security-headers.ts`;
const headersTest = `${api}/security-headers.test.ts`;
const apiTest = `${api}/api.test.ts`;
const settings = 'packages/cli/src/config/setting.ts';
const secretsTest = 'packages/cli/src/config/secrets.test.ts';
const matrix = 'test/spec/authorization.test.ts';
const clients = 'test/spec/authentication.test.ts';
const page = 'packages/dashboard/src';
const pageTest = 'test/spec/dashboard.test.ts';
const tls = 'packages/store/src/tls.ts';
const tlsTest = 'test/spec/tls.test.ts';
const roles = 'sql/roles.sql';
const rolesTest = 'test/sql/roles.test.ts';
const personal = 'test/spec/personal-data.test.ts';
const audit = 'test/spec/stuck.test.ts';

/** One fault in one file. */
function mutant(name: string, test: string, file: string, from: string, to: string): SecurityMutant {
  return { name, test, faults: [{ file, from, to }] };
}

export const securityMutants: SecurityMutant[] = [
  // Tokens.
  mutant(
    'takes tokens for any audience',
    tokenTest,
    tokens,
    '        audience,\n        algorithms',
    '        algorithms',
  ),
  mutant(
    'takes tokens of any issuer',
    tokenTest,
    tokens,
    '        issuer,\n        audience,',
    '        audience,',
  ),
  mutant('takes tokens that have no end', tokenTest, tokens, `        requiredClaims: ['exp'],\n`, ''),
  mutant('takes tokens past their end', tokenTest, tokens, 'clockToleranceSeconds ?? 30', '1e9'),
  mutant(
    'remembers a good token beyond its end',
    tokenTest,
    tokens,
    'Math.min(exp * 1000, this.#now() + rememberedMs)',
    'exp * 0 + this.#now() + rememberedMs',
  ),
  mutant(
    'takes tokens that nobody signed (alg none)',
    tokenTest,
    tokens,
    '    try {\n      const { payload } = await jwtVerify(',
    `    const parts = token.split('.').map((part) => Buffer.from(part, 'base64url').toString());
    if (/"alg":"none"/.test(parts[0] ?? '')) return JSON.parse(parts[1] ?? '') as JWTPayload;
    try {
      const { payload } = await jwtVerify(`,
  ),
  {
    name: 'takes HMAC made with the public key (HS256)',
    test: tokenTest,
    faults: [
      { file: tokens, from: `import { createHash } from`, to: `import { createHash, KeyObject } from` },
      {
        file: tokens,
        from: `jwtVerify(token, this.#getKey, {`,
        to: `jwtVerify(token, async (header, jws) => {
        if (header.alg !== 'HS256') return this.#getKey(header, jws);
        const key = await this.#getKey({ ...header, alg: 'ES256' }, jws);
        return Buffer.from(KeyObject.from(key as never).export({ format: 'pem', type: 'spki' }));
      }, {`,
      },
      {
        file: tokens,
        from: `[...(algorithms ?? ['RS256', 'PS256', 'ES256', 'EdDSA'])]`,
        to: `['HS256', ...(algorithms ?? ['RS256', 'PS256', 'ES256', 'EdDSA'])]`,
      },
    ],
  },
  mutant(
    'takes any algorithm, whatever is allowed',
    tokenTest,
    tokens,
    `[...(algorithms ?? ['RS256', 'PS256', 'ES256', 'EdDSA'])]`,
    `[...(algorithms === undefined ? [] : []), 'RS256', 'PS256', 'ES256', 'EdDSA']`,
  ),
  mutant(
    'lets HMAC be allowed by the settings',
    'packages/cli/src/config/auth-settings.test.ts',
    'packages/cli/src/config/auth-settings.ts',
    `ES512, EdDSA';`,
    `ES512, EdDSA, HS256';`,
  ),
  mutant(
    'fetches the issuer’s keys without TLS from other machines',
    'packages/cli/src/config/auth-settings.test.ts',
    'packages/cli/src/config/auth-settings.ts',
    `(?:localhost|127(?:\\.\\d{1,3}){3}|\\[::1\\])(?::\\d+)?\\/\\S*$/`,
    `\\S*$/`,
  ),
  {
    name: 'follows the key that a token brings',
    test: tokenTest,
    faults: [
      { file: tokens, from: `  createRemoteJWKSet,\n`, to: `  createRemoteJWKSet,\n  importJWK,\n` },
      {
        file: tokens,
        from: `jwtVerify(token, this.#getKey, {`,
        to: `jwtVerify(token, async (header, jws) => header.jwk ? importJWK(header.jwk, header.alg) : this.#getKey(header, jws), {`,
      },
    ],
  },
  // Keys.
  mutant(
    'knows a key by its prefix alone',
    ringTest,
    ring,
    'timingSafeEqual(key.hash, hashOf(text)) ? key.principal : null',
    'timingSafeEqual(key.hash, key.hash) ? key.principal : null',
  ),
  mutant(
    'compares keys in the time that it takes',
    ringTest,
    ring,
    'timingSafeEqual(key.hash, hashOf(text))',
    'key.hash.equals(hashOf(text))',
  ),
  mutant('takes keys past their end', ringTest, ring, ' || key.endsAt <= this.#now()', ''),
  mutant(
    'reads keys once an hour',
    ringTest,
    ring,
    'options.maxAgeMs ?? 3_000',
    'options.maxAgeMs ?? 3_600_000',
  ),
  mutant(
    'keeps old keys for an hour without the database',
    ringTest,
    ring,
    'staleAgeMs ?? 60_000',
    'staleAgeMs ?? 3_600_000',
  ),
  mutant(
    'takes revoked keys',
    clients,
    'sql/queries/api-key.sql',
    'where revoked_at is null and (expires_at is null or expires_at > clock_timestamp());',
    'where revoked_at is null or true;',
  ),
  mutant(
    'keeps keys as they are',
    clients,
    `${api}/auth/api-key.ts`,
    `createHash('sha256').update(text).digest()`,
    `Buffer.from(text.padEnd(80))`,
  ),
  mutant(
    'notes no new key',
    clients,
    'sql/queries/api-key.sql',
    `jsonb_build_object('client', client, 'scopes', scopes, 'expiresAt', expires_at) from created`,
    `jsonb_build_object('client', client, 'scopes', scopes, 'expiresAt', expires_at) from created where false`,
  ),
  mutant(
    'notes no revoked key',
    clients,
    'sql/queries/api-key.sql',
    `'endsAt', coalesce(revoked_at, expires_at)) from ended`,
    `'endsAt', coalesce(revoked_at, expires_at)) from ended where false`,
  ),
  // Who may use which route.
  mutant(
    'asks nobody who they are',
    matrix,
    guard,
    `if (access === 'open' || request.is404) return;\n      try`,
    `if (access !== undefined) return;\n      try`,
  ),
  mutant(
    'does not ask for the scope of a resource',
    matrix,
    guard,
    'return assertMay(request, access, `${project}/${resource}`);',
    'return void `${project}/${resource}`;',
  ),
  mutant(
    'lets whoever may write read',
    matrix,
    guard,
    'return assertMay(request, access, `${project}/${resource}`);',
    "return assertMay(request, access === 'read' && scopes.allowsSome('write') ? 'write' : access, `${project}/${resource}`);",
  ),
  mutant(
    'asks for no scope where clients see their own writes',
    matrix,
    guard,
    `if (!scopes.allowsSome('read') && !scopes.allowsSome('write')) throw forbidden('read:… or write:…');`,
    '',
  ),
  mutant(
    'asks for no scope before a bulk request',
    matrix,
    guard,
    `if (!scopes.allowsSome('write')) throw forbidden('write:…');`,
    '',
  ),
  mutant(
    'asks for no scope for the lines of a bulk request',
    clients,
    `${api}/bulk-route.ts`,
    `assertMay(request, 'write', endpoint)`,
    `void [request, assertMay, endpoint]`,
  ),
  mutant(
    'asks no operator for the scope',
    matrix,
    guard,
    `    default:\n      if (!scopes.mayOperate) throw forbidden('operate');`,
    `    default:`,
  ),
  mutant(
    'shows bodies to all operators',
    matrix,
    guard,
    `if (!scopes.maySeeBodies) throw forbidden('bodies');`,
    '',
  ),
  mutant(
    'shows bodies to whoever is no operator',
    matrix,
    guard,
    `throw forbidden('bodies');\n      if (!scopes.mayOperate) throw forbidden('operate');`,
    `throw forbidden('bodies');`,
  ),
  mutant(
    'takes a scope for one resource as one for its project',
    matrix,
    'packages/protocol/src/scopes.ts',
    'words.has(`${verb}:${name}`)',
    "[...words].some((word) => word.startsWith(`${verb}:${name.slice(0, name.indexOf('/'))}/`))",
  ),
  mutant(
    'opens routes that do not say who may use them',
    headersTest,
    guard,
    `if (access !== undefined) return access;\n  throw`,
    `if (access !== undefined || method !== undefined) return access ?? 'open';\n  throw`,
  ),
  mutant('opens the metrics', matrix, `${api}/metrics-route.ts`, `access: 'operate'`, `access: 'open'`),
  mutant(
    'opens the actions of the dashboard',
    matrix,
    `${page}/access.ts`,
    `access: 'operate'`,
    `access: 'open'`,
  ),
  mutant(
    'lets other machines in unasked',
    headersTest,
    guard,
    'if (!asksNobody || isLoopback(host)) return;',
    'if (!asksNobody || isLoopback(host) || host !== "") return;',
  ),
  mutant(
    'takes a name that begins like this machine’s for it',
    pageTest,
    `${api}/auth/loopback.ts`,
    String.raw`/^127(?:\.\d{1,3}){3}$/`,
    '/^127/',
  ),
  // What is one client's alone.
  mutant(
    'shows the settled writes of other clients',
    matrix,
    'sql/queries/outcome.sql',
    'where o.write_id = any($1::uuid[]) and o.client = $2\n',
    'where o.write_id = any($1::uuid[]) and $2::text is not null\n',
  ),
  mutant(
    'shows the waiting writes of other clients',
    'test/spec/intake.test.ts',
    'sql/queries/outcome.sql',
    'where i.write_id = any($1::uuid[]) and i.client = $2\n',
    'where i.write_id = any($1::uuid[])\n',
  ),
  mutant(
    'shares idempotency keys among clients',
    clients,
    'sql/queries/outcome.sql',
    'from sluice.idempotency_key where client = w.client and key = w.key offset 0',
    'from sluice.idempotency_key where key = w.key and w.client is not null offset 0',
  ),
  mutant(
    'shares idempotency keys of waiting writes among clients',
    'test/spec/intake.test.ts',
    'sql/queries/outcome.sql',
    'where i.client = w.client and i.idempotency_key = w.key',
    'where i.idempotency_key = w.key and w.client is not null',
  ),
  mutant(
    'shares idempotency keys among clients in a batch',
    'packages/batch/src/documents/plan-batch.test.ts',
    'packages/batch/src/coordinator/idempotency.ts',
    '`${write.client}\\u0000${write.idempotencyKey}`',
    '`${write.idempotencyKey}`',
  ),
  // The dashboard, and browsers.
  mutant(
    'acts for pages of other sites',
    pageTest,
    `${page}/refuse-strangers.ts`,
    `if (site !== undefined && site !==`,
    `if (site === '' && site !==`,
  ),
  mutant(
    'takes navigations of other sites for actions',
    pageTest,
    `${page}/refuse-strangers.ts`,
    ` && request.method === 'GET'`,
    '',
  ),
  mutant(
    'answers to any host name',
    pageTest,
    `${page}/refuse-strangers.ts`,
    `if (asksNobody && !isLoopback(hostOf(request.host)))`,
    `if (asksNobody && hostOf(request.host) === 'x' && !isLoopback(''))`,
  ),
  mutant(
    'takes what forms send',
    pageTest,
    `${page}/refuse-strangers.ts`,
    `app.removeContentTypeParser('text/plain');`,
    `app.removeContentTypeParser('text/plain');\n  app.addContentTypeParser('text/plain', { parseAs: 'string' }, (_request, body, done) => done(null, JSON.parse(String(body))));`,
  ),
  mutant(
    'acts where it is read-only',
    pageTest,
    `${page}/action-routes.ts`,
    'if (isReadOnly) throw',
    'if (isReadOnly && name === "") throw',
  ),
  mutant(
    'looks for NUL in the database',
    pageTest,
    `${page}/requests.ts`,
    String.raw`/^[^\0]*$/`,
    '/^[^]*$/',
  ),
  mutant(
    'lets the page run any script',
    pageTest,
    `${page}/page-routes.ts`,
    `"script-src 'self'",`,
    `"script-src 'self' 'unsafe-inline'",`,
  ),
  mutant('lets the page be embedded', headersTest, headers, `  'X-Frame-Options': 'DENY',\n`, ''),
  mutant(
    'lets browsers guess what an answer is',
    headersTest,
    headers,
    `  'X-Content-Type-Options': 'nosniff',\n`,
    '',
  ),
  mutant('lets caches keep answers', headersTest, headers, `  'Cache-Control': 'no-store',\n`, ''),
  mutant(
    'sends no headers for browsers',
    headersTest,
    headers,
    'reply.headers(request.url.startsWith(docs) ? ofPages : headers);',
    'if (request.url.startsWith(docs)) reply.headers({ ...ofPages, ...headers });',
  ),
  {
    name: 'lets pages of every origin read answers',
    test: headersTest,
    faults: [
      {
        file: `${api}/cross-origin.ts`,
        from: 'if (origins.length === 0) return;',
        to: 'if (origins.length < 0) return;',
      },
      { file: `${api}/cross-origin.ts`, from: 'origin: [...origins]', to: 'origin: true' },
    ],
  },
  mutant(
    'lets browsers add credentials',
    headersTest,
    `${api}/cross-origin.ts`,
    'credentials: false',
    'credentials: true',
  ),
  // Limits.
  mutant(
    'takes bodies of any size',
    apiTest,
    `${api}/document-routes.ts`,
    'bodyLimit: node.limits.bodyBytesMax',
    'bodyLimit: 2 ** 30',
  ),
  mutant(
    'takes bulk lines of any size',
    apiTest,
    `${api}/bulk-route.ts`,
    'limits.bodyBytesMax + ENVELOPE_BYTES',
    '2 ** 30 + ENVELOPE_BYTES',
  ),
  mutant(
    'takes compressed bodies',
    apiTest,
    `${api}/document-routes.ts`,
    `headers['content-encoding'] !== 'identity'`,
    `headers['content-encoding'] === ''`,
  ),
  mutant('takes any depth', scannerTest, scanner, 'if (depth === depthMax)', 'if (depth === -depthMax)'),
  mutant('takes any number of keys', scannerTest, scanner, 'if (++keys > keysMax)', 'if (++keys < 0)'),
  mutant(
    'takes strings of any length',
    scannerTest,
    scanner,
    'if (end - from > stringLengthMax)',
    'if (end < from - stringLengthMax)',
  ),
  mutant(
    'takes arrays of any length',
    limitsTest,
    scanner,
    'if (++this.#to[depth]! >= arrayLengthMax)',
    'if (++this.#to[depth]! < -arrayLengthMax)',
  ),
  mutant(
    'takes duplicate keys',
    scannerTest,
    scanner,
    'if (this.#isRepeated(text, depth, from, end))',
    'if (this.#isRepeated(text, depth, from, end) && keys < 0)',
  ),
  mutant(
    'takes duplicate keys beyond the first few',
    scannerTest,
    scanner,
    'return set.size === set.add(decodedKey(text, from, to)).size;',
    'return set.size < 0;',
  ),
  mutant(
    'takes duplicate keys that are spelled differently',
    scannerTest,
    scanner,
    'decodedKey(text, this.#keyFrom[index]!, this.#keyTo[index]!) === decodedKey(text, from, to)',
    'text.toString("latin1", this.#keyFrom[index]!, this.#keyTo[index]!) === text.toString("latin1", from, to)',
  ),
  mutant(
    'takes numbers that are rounded',
    scannerTest,
    scanner,
    'if (!keepsItsValue(text, at, end))',
    'if (!keepsItsValue(text, at, end) && end < at)',
  ),
  mutant(
    'takes numbers beyond a double',
    scannerTest,
    jsonTokens,
    'return Number.isFinite(value) && decimalOf(literal)',
    'return !Number.isFinite(value) || decimalOf(literal)',
  ),
  mutant(
    'takes NUL',
    scannerTest,
    jsonTokens,
    'if (unit <= 0) return -1 - at;',
    'if (unit < 0) return -1 - at;',
  ),
  mutant(
    'takes halves of surrogate pairs',
    scannerTest,
    jsonTokens,
    'if (!isPair) return -1 - at;',
    'if (!isPair) continue;',
  ),
  mutant(
    'takes bytes that are not UTF-8',
    scannerTest,
    scanner,
    'const isSound = isUtf8(text);',
    'const isSound = isUtf8(text) || depthMax > 0;'.replace('depthMax', 'length'),
  ),
  mutant(
    'does not look at documents at all',
    apiTest,
    `${api}/document-text.ts`,
    'if (offence !== null) throw',
    'if (offence !== null && bytes.length === 0) throw',
  ),
  mutant(
    'takes headers of any size',
    limitsTest,
    `${api}/create-server.ts`,
    'maxHeaderSize: limits.headerBytesMax',
    'maxHeaderSize: 1_000_000',
  ),
  mutant(
    'waits for headers without end',
    limitsTest,
    `${api}/create-server.ts`,
    'headersTimeout: limits.headerTimeoutMs',
    'headersTimeout: 0, requestTimeout: 0',
  ),
  mutant(
    'waits for bodies without end',
    limitsTest,
    `${api}/body-clock.ts`,
    `undefined) {\n      receiving.set(request, { reply, until: performance.now() + timeoutMs });`,
    `undefined) {\n      receiving.set(request, { reply, until: Number.POSITIVE_INFINITY });`,
  ),
  mutant(
    'keeps connections of refused requests whose bodies never come',
    limitsTest,
    `${api}/body-clock.ts`,
    'if (!request.raw.complete) receiving.set(',
    'if (request.raw.complete) receiving.set(',
  ),
  mutant(
    'lets a client send its body before it is known who it is',
    limitsTest,
    `${api}/expect-continue.ts`,
    `app.server.on('checkContinue',`,
    `app.server.on('nothing',`,
  ),
  mutant(
    'waits for bulk lines without end',
    limitsTest,
    `${api}/body-clock.ts`,
    'reject(late(timeoutMs)), timeoutMs)',
    'reject(late(timeoutMs)), 2 ** 30)',
  ),
  mutant(
    'lets a client have any number of requests under way',
    limitsTest,
    `${api}/client-quota.ts`,
    'if (use.underWay >= requestsMax)',
    'if (use.underWay < -requestsMax)',
  ),
  mutant(
    'counts the requests of all clients together',
    limitsTest,
    `${api}/admission.ts`,
    'quota.enter(request.principal.client)',
    `quota.enter('')`,
  ),
  mutant(
    'lets a client ask at any rate',
    limitsTest,
    `${api}/client-quota.ts`,
    'if (waitMs > 0)',
    'if (waitMs < 0)',
  ),
  mutant(
    'forgets a request when its client hangs up',
    limitsTest,
    `${api}/admission.ts`,
    `  app.addHook('onSend'`,
    `  app.addHook('onRequest', (request, _reply, done) => {\n    request.raw.socket.once('close', () => leave(request));\n    done();\n  });\n  app.addHook('onSend'`,
  ),
  mutant(
    'lets a client have any number of blocked writes',
    'test/spec/blocked-quota.test.ts',
    'packages/client/src/blocked-quota.ts',
    'if (!counted.isFull) return;',
    'if (!counted.isFull || client !== "") return;',
  ),
  mutant(
    'counts the blocked writes of all clients together',
    'test/spec/blocked-quota.test.ts',
    'packages/client/src/blocked-quota.ts',
    'this.#counts.get(client)',
    '[...this.#counts.values()].at(-1)',
  ),
  mutant(
    'calls a path that leads out a defect of its own',
    apiTest,
    `${api}/error-answers.ts`,
    `code.startsWith('FST_') && statusCode < 500`,
    `code.startsWith('FST_ERR_') && statusCode < 500`,
  ),
  // Personal data.
  mutant(
    'tells what PostgreSQL says of a row',
    'packages/store/src/session.test.ts',
    'packages/store/src/database-error.ts',
    "message: `PostgreSQL error ${code}${statement === null ? '' : ` in ${statement}`}`,",
    'message: `${String(message)} ${String((error as { detail?: string }).detail)}`,',
  ),
  mutant(
    'logs whatever it is given',
    'packages/cli/src/process/create-logger.test.ts',
    'packages/cli/src/process/create-logger.ts',
    'loggedFields.has(name)',
    'name !== ""',
  ),
  mutant(
    'logs the messages of errors',
    'packages/protocol/src/describe-error.test.ts',
    'packages/protocol/src/describe-error.ts',
    `return { error: error.name, code, lanes, ...cause, stack: places.join('\\n') };`,
    `return { error: error.name, message, code, lanes, stack: places.join('\\n') };`,
  ),
  mutant(
    'answers with the messages of defects',
    apiTest,
    `${api}/error-answers.ts`,
    `return problemOf('internal', undefined, {`,
    `return problemOf('internal', String((error as Error).message), {`,
  ),
  mutant(
    'answers with the sentences about its own trouble',
    apiTest,
    `${api}/problem.ts`,
    'error.entry.status >= 500 ? undefined : error.message',
    'error.message',
  ),
  mutant(
    'tells values of a document that is refused',
    scannerTest,
    scanner,
    `return 'is not valid JSON: a value is missing or misspelled';`,
    "return `is not valid JSON: a value is missing or misspelled: ${text.toString('utf8', at, at + 20)}`;",
  ),
  {
    isOfServer: true,
    ...mutant(
      'lets PostgreSQL log the statements that fail',
      personal,
      'packages/embedded/src/embedded-postgres.ts',
      `log_min_messages: 'log',\n  log_min_error_statement: 'panic',\n  log_error_verbosity: 'terse'`,
      `log_min_messages: 'warning',\n  log_min_error_statement: 'error',\n  log_error_verbosity: 'default'`,
    ),
  },
  mutant(
    'notifies with what was written',
    personal,
    'sql/queries/intake.sql',
    `select pg_notify('sluice_' || channel, lanes) from unnest($16::text[], $19::text[]) as h (channel, lanes);`,
    `select pg_notify('sluice_' || channel, left(($15::jsonb[])[1]::text, 200)) from unnest($16::text[], $19::text[]) as h (channel, lanes);`,
  ),
  // TLS.
  mutant(
    'takes a server that nobody vouches for',
    tlsTest,
    tls,
    `rejectUnauthorized: mode === 'verify-full',`,
    `rejectUnauthorized: false,`,
  ),
  mutant(
    'takes a server of another name',
    tlsTest,
    tls,
    `rejectUnauthorized: mode === 'verify-full',`,
    `rejectUnauthorized: mode === 'verify-full',\n      checkServerIdentity: () => undefined,`,
  ),
  mutant(
    'takes a server that any public authority vouches for, and not the one given',
    tlsTest,
    tls,
    '{ ca: readPem(files.ca) }',
    '{}',
  ),
  mutant(
    'proves nothing where TLS is only required',
    tlsTest,
    tls,
    `require: 'verify-full'`,
    `require: 'no-verify'`,
  ),
  mutant(
    'gives way to a server without TLS',
    tlsTest,
    tls,
    `(asked ? 'verify-full' : (process.env['PGSSLMODE'] ?? 'disable'))`,
    `(process.env['PGSSLMODE'] ?? 'disable')`,
  ),
  mutant(
    'takes half of what HTTPS needs for HTTP',
    tlsTest,
    'packages/cli/src/config/tls-settings.ts',
    `if (tlsCert === undefined) throw refusal('--tls-key is given without --tls-cert (SLUICE_TLS_CERT)');`,
    `if (tlsCert === undefined) return undefined;`,
  ),
  // Roles.
  mutant(
    'lets nodes write documents',
    rolesTest,
    roles,
    `('document', 'select', 'select, insert`,
    `('document', 'select, insert', 'select, insert`,
  ),
  mutant(
    'lets operators read documents',
    rolesTest,
    roles,
    `version, lane, resource, content_hash)'),`,
    `version, lane, resource, content_hash, body)'),`,
  ),
  mutant(
    'lets operators remove what was noted of them',
    rolesTest,
    roles,
    `'select, insert (action, actor, target, writes, write_ids, detail)'`,
    `'select, delete, insert (action, actor, target, writes, write_ids, detail)'`,
  ),
  mutant(
    'lets owners change what was noted',
    audit,
    'sql/migrations/0003_operators.sql',
    'create trigger audit_is_append_only before update or delete or truncate on sluice.audit',
    'create trigger audit_is_append_only before truncate on sluice.audit',
  ),
  mutant(
    'leaves advisory locks to everybody',
    rolesTest,
    roles,
    `execute format('revoke execute on function %s from public', object.name);`,
    '',
  ),
  mutant(
    'leaves the schema public to everybody',
    rolesTest,
    roles,
    'revoke all on schema public from public;',
    '',
  ),
  mutant(
    'leaves functions to everybody',
    rolesTest,
    roles,
    'revoke all on all functions in schema sluice from public;',
    '',
  ),
  mutant(
    'leaves what an earlier version granted',
    rolesTest,
    roles,
    `execute format('revoke all on all tables in schema sluice from %I', role);`,
    '',
  ),
  mutant(
    'lets nodes say when a write arrived',
    rolesTest,
    roles,
    `('intake',\n       'select, insert (write_id,`,
    `('intake',\n       'select, insert (accepted_at, write_id,`,
  ),
  mutant(
    'lets nodes make outcomes',
    rolesTest,
    roles,
    `('outcome', 'select', 'select, insert, delete'`,
    `('outcome', 'select, insert', 'select, insert, delete'`,
  ),
  mutant(
    'takes a role that is a superuser',
    rolesTest,
    roles,
    '(rolsuper or rolbypassrls or rolcreaterole or rolreplication)',
    '(rolreplication)',
  ),
  mutant(
    'sends passwords of roles as they are',
    rolesTest,
    'packages/store/src/roles.ts',
    'scramVerifier(password)]',
    '[password, scramVerifier][0]]',
  ),
  // Secrets.
  mutant(
    'takes a URL with a password from the arguments',
    secretsTest,
    settings,
    'if (holdsPassword && hasPassword(value)) throw',
    'if (holdsPassword && hasPassword(value) && value === "") throw',
  ),
  mutant(
    'takes a password from the arguments where it is a parameter',
    secretsTest,
    settings,
    String.raw` || /[?&]password=/i.test(url)`,
    '',
  ),
  mutant(
    'shows a secret that it refuses',
    'packages/cli/src/config/setting.test.ts',
    settings,
    `definition.isSecret === true ? ''`,
    `definition.isSecret === undefined ? ''`,
  ),
  // The record.
  mutant(
    'pauses lanes and notes nothing',
    'test/spec/operators.test.ts',
    'sql/queries/operator.sql',
    `select 'pause', $2, 'lane ' || lane from paused order by lane`,
    `select 'pause', $2, 'lane ' || lane from paused where false order by lane`,
  ),
  mutant(
    'discards writes and notes nothing',
    audit,
    'sql/queries/operator.sql',
    "select 'discard', $2, $3, count(*), array_agg(write_id order by write_id), $4::jsonb from gone having count(*) > 0",
    "select 'discard', $2, $3, count(*), array_agg(write_id order by write_id), $4::jsonb from gone having count(*) < 0",
  ),
  mutant(
    'sends writes again and notes nothing',
    'test/spec/operators.test.ts',
    'sql/queries/operator.sql',
    '$6::jsonb from taken having count(*) > 0',
    '$6::jsonb from taken having count(*) < 0',
  ),
];
