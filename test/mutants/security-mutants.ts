// Faults that somebody could make in what guards documents, below the test that has to notice them. A guard that stands
// twice is taken away in both places.

import { always, assign, call, compare, drop, first, give, never, omit, put, swap, when } from './edits.ts';
import { at, type Mutant } from './mutant.ts';

const apiTest = 'api/api.test.ts';
const asymmetric = `'RS256', 'PS256', 'ES256', 'EdDSA'`;

/** By the test file that must fail: its name, with as much of its path as tells it from others. */
export const securityMutants: Record<string, Mutant[]> = {
  'token-check.test.ts': [
    ['takes tokens for any audience', at('TokenCheck/#verify', omit('audience'))],
    ['takes tokens of any issuer', at('TokenCheck/#verify', omit('issuer'))],
    ['takes tokens that have no end', at('TokenCheck/#verify', omit('requiredClaims', 'exp'))],
    ['takes tokens past their end', at('TokenCheck/#verify', give('clockTolerance', '1e9'))],
    [
      'remembers a good token beyond its end',
      at('TokenCheck/#remember', give('until', 'this.#now() + rememberedMs')),
    ],
    [
      'takes tokens that nobody signed (alg none)',
      at(
        'TokenCheck/#verify',
        first(`
          const parts = token.split('.').map((part) => Buffer.from(part, 'base64url').toString());
          if (/"alg":"none"/.test(parts[0] ?? '')) return JSON.parse(parts[1] ?? '') as JWTPayload;`),
      ),
    ],
    [
      'takes HMAC made with the public key (HS256)',
      at(
        'TokenCheck/#verify',
        give('algorithms', `['HS256', ...$0]`),
        swap(
          'this.#getKey',
          `async (header, jws) => {
            if (header.alg !== 'HS256') return this.#getKey(header, jws);
            const key = await this.#getKey({ ...header, alg: 'ES256' }, jws);
            const { KeyObject } = await import('node:crypto');
            return Buffer.from(KeyObject.from(key as never).export({ format: 'pem', type: 'spki' }));
          }`,
        ),
      ),
    ],
    [
      'takes any algorithm, whatever is allowed',
      at('TokenCheck/#verify', give('algorithms', `[${asymmetric}]`)),
    ],
    [
      'follows the key that a token brings',
      at(
        'TokenCheck/#verify',
        swap(
          'this.#getKey',
          `async (header, jws) =>
            header.jwk ? (await import('jose')).importJWK(header.jwk, header.alg) : this.#getKey(header, jws)`,
        ),
      ),
    ],
  ],
  'auth-settings.test.ts': [
    [
      'lets HMAC be allowed by the settings',
      at('auth-settings/algorithms', give('algorithms', `$0 + ', HS256'`)),
    ],
    [
      'fetches the issuer’s keys without TLS from other machines',
      at('jwksForm', give('jwksForm', String.raw`/^(?!https?:)[^\0]+$|^https?:\/\/\S+$/`)),
    ],
  ],
  'key-ring.test.ts': [
    ['knows a key by its prefix alone', at('KeyRing/find', call('hashOf', 'key.hash'))],
    ['compares keys in the time that it takes', at('KeyRing/find', call('timingSafeEqual', '$1.equals($2)'))],
    ['takes keys past their end', at('KeyRing/find', never('endsAt'))],
    [
      'reads keys once an hour',
      at('KeyRing/constructor', assign('#maxAgeMs', 'options.maxAgeMs ?? 3_600_000')),
    ],
    ['keeps old keys for an hour without the database', at('KeyRing/#refresh', swap('60_000', '3_600_000'))],
  ],
  'authentication.test.ts': [
    ['takes revoked keys', at('readApiKeys', swap('revoked_at is null and (', 'true or ('))],
    ['keeps keys as they are', at('api-key/hashOf', first('return Buffer.from(text.padEnd(80));'))],
    [
      'notes no new key',
      at(
        'api-key.sql/createApiKey',
        swap('expires_at) from created', 'expires_at) from created where false'),
      ),
    ],
    [
      'notes no revoked key',
      at('revokeApiKey', swap('expires_at)) from ended', 'expires_at)) from ended where false')),
    ],
    [
      'asks for no scope for the lines of a bulk request',
      at('BulkRun/#write', call('assertMay', 'undefined')),
    ],
    [
      'shares idempotency keys among clients',
      at('intake.sql/insertIntake', swap('k.client = w.client and', 'w.client is not null and')),
      at('outcome.sql/findKeys', swap('client = w.client and key', 'w.client is not null and key')),
    ],
  ],
  'authorization.test.ts': [
    ['asks nobody who they are', at('guard/guard', always('is404'))],
    ['does not ask for the scope of a resource', at('assertAccess', call('assertMay', 'undefined'))],
    [
      'lets whoever may write read',
      at(
        'assertAccess',
        call(
          'assertMay',
          `assertMay(request, access === 'read' && scopes.allowsSome('write') ? 'write' : access, $3)`,
        ),
      ),
    ],
    ['asks for no scope where clients see their own writes', at('assertAccess', never('allowsSome', 'read'))],
    ['asks for no scope before a bulk request', at('assertAccess', drop('forbidden', 'write:…'))],
    [
      'asks no operator for the scope',
      at('assertAccess', swap(`default: if (!scopes.mayOperate) throw forbidden('operate');`, 'default:')),
    ],
    ['shows bodies to all operators', at('assertAccess', never('maySeeBodies'))],
    [
      'shows bodies to whoever is no operator',
      at(
        'assertAccess',
        swap(`throw forbidden('bodies'); if (!scopes.mayOperate)`, `throw forbidden('bodies'); if (false)`),
      ),
    ],
    [
      'takes a scope for one resource as one for its project',
      at(
        'Scopes/allows',
        swap(
          'words.has(word)',
          "[...words].some((each) => each.startsWith(word.slice(0, word.indexOf('/') + 1)))",
        ),
      ),
    ],
    ['opens the metrics', at('metricsRoute', give('access', `'open'`))],
    ['opens the actions of the dashboard', at('access/operate', give('access', `'open'`))],
    [
      'shows the settled writes of other clients',
      at('readWriteStates', swap('o.client = $2', '$2::text is not null')),
    ],
  ],
  'intake.test.ts': [
    ['shows the waiting writes of other clients', at('readWriteStates', swap('and i.client = $2', ''))],
    [
      'shares idempotency keys of waiting writes among clients',
      at('outcome.sql/findKeys', swap('i.client = w.client and', 'w.client is not null and')),
    ],
  ],
  'plan-batch.test.ts': [
    ['shares idempotency keys among clients in a batch', at('idempotency/keyOf', swap('write.client', `''`))],
  ],
  'spec/dashboard.test.ts': [
    [
      'takes a name that begins like this machine’s for it',
      at('isLoopback', swap(String.raw`(?:\.\d{1,3}){3}$`, '')),
    ],
    ['acts for pages of other sites', at('refuseStrangers', never('site', 'undefined'))],
    ['takes navigations of other sites for actions', at('refuseStrangers', always('method', 'GET'))],
    ['answers to any host name', at('refuseStrangers', never('hostOf'))],
    [
      'takes what forms send',
      at(
        'refuseStrangers',
        put(
          `$0 app.addContentTypeParser('text/plain', { parseAs: 'string' }, (_request, body, done) =>
            done(null, JSON.parse(String(body))));`,
          'removeContentTypeParser',
        ),
      ),
    ],
    ['acts where it is read-only', at('actionRoutes', never('isReadOnly'))],
    ['looks for NUL in the database', at('withoutNul', swap(String.raw`[^\0]`, '[^]'))],
    [
      'lets the page run any script',
      at('page-routes/policy', swap(`script-src 'self'`, `script-src 'self' 'unsafe-inline'`)),
    ],
  ],
  'security-headers.test.ts': [
    ['opens routes that do not say who may use them', at('accessOf', put(`return 'open';`, 'Error'))],
    ['lets other machines in unasked', at('assertGuarded', always('isLoopback'))],
    ['lets the page be embedded', at('security-headers/headers', omit('X-Frame-Options'))],
    ['lets browsers guess what an answer is', at('security-headers/headers', omit('X-Content-Type-Options'))],
    ['lets caches keep answers', at('security-headers/headers', omit('Cache-Control'))],
    [
      'sends no headers for browsers',
      at(
        'securityHeaders',
        put(
          'if (request.url.startsWith(docs)) reply.headers({ ...ofPages, ...headers });',
          'reply',
          'headers',
        ),
      ),
    ],
    [
      'lets pages of every origin read answers',
      at('crossOrigin', never('origins', 'length'), give('origin', 'true')),
    ],
    ['lets browsers add credentials', at('crossOrigin', give('credentials', 'true'))],
  ],
  [apiTest]: [
    [
      'takes bodies of any size',
      at('takeBodies', give('bodyLimit', '2 ** 30'), never('bytes', 'bodyBytesMax')),
    ],
    [
      'takes bulk lines of any size',
      at('BulkRun/take', swap('limits.bodyBytesMax + ENVELOPE_BYTES', '2 ** 30')),
    ],
    ['takes compressed bodies', at('assertUncompressed', always('encoding', 'identity'))],
    ['does not look at documents at all', at('readJson', never('offence'))],
    ['calls a path that leads out a defect of its own', at('problemOfAny', swap(`'FST_'`, `'FST_ERR_'`))],
    [
      'answers with the messages of defects',
      at('problemOfAny', swap(`'internal', undefined`, `'internal', String((error as Error).message)`)),
    ],
    ['answers with the sentences about its own trouble', at('problemOfError', never('entry', 'status'))],
  ],
  'json-scanner.test.ts': [
    ['takes any depth', at('JsonScanner/#read', never('depth', 'depthMax'))],
    [
      'takes any number of keys',
      at('JsonScanner/#behindKey', when('++this.#keyCount < 0', '#keyCount', 'keysMax')),
    ],
    ['takes strings of any length', at('JsonScanner/#isFaulty', never('from', 'stringLengthMax'))],
    ['takes duplicate keys', at('JsonScanner/#behindKey', never('isRepeated'))],
    ['takes duplicate keys beyond the first few', at('JsonKeys/isRepeated', never('set', 'add', 'size'))],
    [
      'takes duplicate keys that are spelled differently',
      at(
        'JsonKeys/isRepeated',
        when(
          `text.toString('latin1', spans[at + 1]!, spans[at + 2]!) === text.toString('latin1', from, to)`,
          'keyAt',
          'decodedKey',
        ),
      ),
    ],
    ['takes numbers that are rounded', at('JsonScanner/#endOfScalar', never('keepsItsValue'))],
    [
      'takes numbers beyond a double',
      at('keepsItsValue', swap('Number.isFinite(value) &&', '!Number.isFinite(value) ||')),
    ],
    ['takes NUL', at('json-tokens/endOfString', compare('<', 'unit', '0'))],
    ['takes halves of surrogate pairs', at('json-tokens/endOfString', never('isPair'))],
    ['takes bytes that are not UTF-8', at('JsonScanner/#read', give('isSound', 'true'))],
    [
      'tells values of a document that is refused',
      at(
        'JsonScanner/#endOfScalar',
        swap(
          `'is not valid JSON: a value is missing or misspelled'`,
          "`is not valid JSON: a value is missing or misspelled: ${text.toString('utf8', at, at + 20)}`",
        ),
      ),
    ],
  ],
  'limits.test.ts': [
    ['takes arrays of any length', at('JsonScanner/#read', when('++this.#to[depth]! < 0', 'arrayLengthMax'))],
    ['takes headers of any size', at('bareServer', give('maxHeaderSize', '1_000_000'))],
    ['waits for headers without end', at('bareServer', give('headersTimeout', '0, requestTimeout: 0'))],
    [
      'waits for bodies without end',
      at(
        'bodyClock',
        swap(
          'undefined) { receiving.set(request, { reply, until: performance.now() + timeoutMs }); }',
          'undefined) { receiving.set(request, { reply, until: Number.POSITIVE_INFINITY }); }',
        ),
      ),
    ],
    [
      'keeps connections of refused requests whose bodies never come',
      at('bodyClock', swap('if (!request.raw.complete) receiving', 'if (request.raw.complete) receiving')),
    ],
    [
      'lets a client send its body before it is known who it is',
      at('expectContinue', swap(`'checkContinue'`, `'nothing'`)),
    ],
    ['waits for bulk lines without end', at('chunksWithin', call('setTimeout', 'setTimeout($1, 2 ** 30)'))],
    ['lets a client have any number of requests under way', at('ClientQuota/enter', never('underWay'))],
    ['counts the requests of all clients together', at('admission', call('enter', `quota.enter('')`))],
    ['lets a client ask at any rate', at('ClientQuota/enter', never('waitMs'))],
    [
      'forgets a request when its client hangs up',
      at(
        'admission',
        put(
          `app.addHook('onRequest', (request, _reply, done) => {
            request.raw.socket.once('close', () => leave(request));
            done();
          });
          $0`,
          'addHook',
          'onSend',
        ),
      ),
    ],
  ],
  'blocked-quota.test.ts': [
    ['lets a client have any number of blocked writes', at('BlockedQuota/check', always('isFull'))],
    [
      'counts the blocked writes of all clients together',
      at('BlockedQuota/check', swap('this.#counts.get(client)', '[...this.#counts.values()].at(-1)')),
    ],
  ],
  // Personal data.
  'session.test.ts': [
    [
      'tells what PostgreSQL says of a row',
      at(
        'reduceError',
        give('message', '`${String(message)} ${String((error as { detail?: string }).detail)}`'),
      ),
    ],
  ],
  'create-logger.test.ts': [['logs whatever it is given', at('createLogger', always('loggedFields'))]],
  'describe-error.test.ts': [
    [
      'logs the messages of errors',
      at(
        'describeError',
        put(
          `return { error: error.name, message, code, lanes, stack: places.join('\\n') };`,
          'places',
          'lanes',
        ),
      ),
    ],
  ],
  'personal-data.test.ts': [
    [
      'lets PostgreSQL log the statements that fail',
      at(
        'DEFAULT_SETTINGS',
        give('log_min_messages', `'warning'`),
        give('log_min_error_statement', `'error'`),
        give('log_error_verbosity', `'default'`),
      ),
    ],
    [
      'notifies with what was written',
      at(
        'intake.sql/insertIntake',
        swap('channel, lanes)::text as hint', 'channel, left(($15::jsonb[])[1]::text, 200))::text as hint'),
      ),
    ],
  ],
  'tls.test.ts': [
    ['takes a server that nobody vouches for', at('tls/addressOf', give('rejectUnauthorized', 'false'))],
    [
      'takes a server of another name',
      at('tls/addressOf', give('rejectUnauthorized', '$0, checkServerIdentity: () => undefined')),
    ],
    [
      'takes a server that any public authority vouches for, and not the one given',
      at('tls/addressOf', omit('ca', 'readPem')),
    ],
    ['proves nothing where TLS is only required', at('tls/modes', give('require', `'no-verify'`))],
    ['gives way to a server without TLS', at('tls/parse', never('asked'))],
    [
      'takes half of what HTTPS needs for HTTP',
      at('readTls', put('if (tlsCert === undefined) return undefined;', 'tlsCert', 'undefined', 'refusal')),
    ],
  ],
  'roles.test.ts': [
    [
      'lets nodes write documents',
      at('sql/roles.sql', swap(`('document', 'select',`, `('document', 'select, insert',`)),
    ],
    [
      'lets operators read documents',
      at(
        'sql/roles.sql',
        swap('version, lane, resource, content_hash)', 'version, lane, resource, content_hash, body)'),
      ),
    ],
    [
      'lets operators remove what was noted of them',
      at('sql/roles.sql', swap(`'select, insert (action, actor,`, `'select, delete, insert (action, actor,`)),
    ],
    [
      'leaves advisory locks to everybody',
      at(
        'sql/roles.sql',
        swap(`execute format('revoke execute on function %s from public', object.name);`, ''),
      ),
    ],
    [
      'leaves the schema public to everybody',
      at('sql/roles.sql', swap('revoke all on schema public from public;', '')),
    ],
    [
      'leaves functions to everybody',
      at('sql/roles.sql', swap('revoke all on all functions in schema sluice from public;', '')),
    ],
    [
      'leaves what an earlier version granted',
      at(
        'sql/roles.sql',
        swap(`execute format('revoke all on all tables in schema sluice from %I', role);`, ''),
      ),
    ],
    [
      'lets nodes say when a write arrived',
      at(
        'sql/roles.sql',
        swap(`('intake', 'select, insert (write_id,`, `('intake', 'select, insert (accepted_at, write_id,`),
      ),
    ],
    [
      'lets nodes make outcomes',
      at('sql/roles.sql', swap(`('outcome', 'select',`, `('outcome', 'select, insert',`)),
    ],
    [
      'takes a role that is a superuser',
      at(
        'sql/roles.sql',
        swap('(rolsuper or rolbypassrls or rolcreaterole or rolreplication)', '(rolreplication)'),
      ),
    ],
    ['sends passwords of roles as they are', at('roles/applyRoles', call('scramVerifier', '$1'))],
  ],
  'secrets.test.ts': [
    ['takes a URL with a password from the arguments', at('findGiven', never('holdsPassword'))],
    [
      'takes a password from the arguments where it is a parameter',
      at('hasPassword', swap(String.raw` || /[?&]password=/i.test(url)`, '')),
    ],
  ],
  'setting.test.ts': [['shows a secret that it refuses', at('setting/valueOf', never('isSecret'))]],
  // What operators do leaves a record.
  'stuck.test.ts': [
    [
      'lets owners change what was noted',
      at(
        '0003_operators.sql',
        swap(
          'audit_is_append_only before update or delete or truncate',
          'audit_is_append_only before truncate',
        ),
      ),
    ],
    [
      'discards writes and notes nothing',
      at('discardDeadLetters', swap('having count(*) > 0', 'having count(*) < 0')),
    ],
  ],
  'operators.test.ts': [
    [
      'pauses lanes and notes nothing',
      at(
        'operator.sql/pauseLanes',
        swap(`'lane ' || lane from paused`, `'lane ' || lane from paused where false`),
      ),
    ],
    [
      'sends writes again and notes nothing',
      at('redriveWrites', swap('having count(*) > 0', 'having count(*) < 0')),
    ],
  ],
};
