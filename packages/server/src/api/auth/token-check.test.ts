import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { TokenCheck, type TokenCheckOptions } from './token-check.ts';

const issuer = 'https://id.example.org';
const audience = 'sluice';

interface Key {
  kid: string;
  privateKey: KeyObject;
  publicKey: KeyObject;
}

const createKey = (kid: string): Key => ({ kid, ...generateKeyPairSync('ec', { namedCurve: 'P-256' }) });
const jwkOf = ({ kid, publicKey }: Key) => ({ ...publicKey.export({ format: 'jwk' }), kid });
const first = createKey('first');
const second = createKey('second');

const now = (): number => Math.floor(Date.now() / 1000);
const sign = (claims: object, key = first, header: object = {}) =>
  new SignJWT({
    iss: issuer,
    aud: audience,
    client_id: 'loader',
    scope: 'write:*',
    exp: now() + 60,
    ...claims,
  })
    .setProtectedHeader({ alg: 'ES256', kid: key.kid, ...header })
    .sign(key.privateKey);

function createFile(...keys: Key[]) {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-jwks-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'jwks.json');
  const write = (...keys: Key[]): void => writeFileSync(path, JSON.stringify({ keys: keys.map(jwkOf) }));
  write(...keys);
  return { path, write };
}

async function createProvider(...keys: Key[]) {
  const provider = { keys, requests: 0, status: 200, url: '' };
  const server = createServer((_request, response) => {
    provider.requests += 1;
    response.writeHead(provider.status, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ keys: provider.keys.map(jwkOf) }));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => void server.close());
  provider.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
  return provider;
}

const setup = (options: Partial<TokenCheckOptions> = {}) =>
  new TokenCheck({ issuer, audience, jwks: createFile(first).path, ...options });

describe('a token', () => {
  test.each([
    [{ store: 'north' }, true],
    [{ store: ['south', 'north'] }, true],
    [{ store: 'south' }, false],
    [{ store: [] }, false],
    [{}, false],
  ])('a token with the claims %j is good for the data store north: %s', async (claims, isGood) => {
    const check = setup({ store: { claim: 'store', name: 'north' } });
    expect((await check.find(await sign(claims))) !== null).toBe(isGood);
    // Where there is one store, the claim says nothing.
    expect(await setup().find(await sign(claims))).not.toBeNull();
  });

  test('a token names the client and its scopes', async () => {
    const principal = await setup().find(await sign({ scope: 'openid write:ed-fi/students' }));
    expect(principal?.client).toBe('loader');
    expect(principal?.scopes.allows('write', 'ed-fi/students')).toBe(true);
    expect(principal?.scopes.allows('write', 'ed-fi/schools')).toBe(false);
  });

  test('a token may name client and scopes by other claims, with the scopes in a list', async () => {
    const check = setup({ clientClaim: 'azp', scopeClaim: 'scp' });
    const principal = await check.find(await sign({ azp: 'other', scp: ['operate'] }));
    expect(principal).toMatchObject({ client: 'other', scopes: { mayOperate: true } });
  });

  test('a token may be for several audiences', async () => {
    expect(await setup().find(await sign({ aud: ['else', audience] }))).not.toBeNull();
  });

  test.each<[string, object]>([
    ['of another issuer', { iss: 'https://evil.example.org' }],
    ['for another audience', { aud: 'else' }],
    ['without an audience', { aud: undefined }],
    ['without an end', { exp: undefined }],
    ['past its end and the tolerance', { exp: Math.floor(Date.now() / 1000) - 31 }],
    ['before its beginning', { nbf: Math.floor(Date.now() / 1000) + 60 }],
    ['of nobody', { client_id: undefined }],
    ['of a client with no name', { client_id: '' }],
    ['of a client whose name cannot be stored', { client_id: 'a\u0000' }],
    ['of a client that is no text', { client_id: ['loader'] }],
  ])('a token %s is refused', async (_name, claims) => {
    expect(await setup().find(await sign(claims))).toBeNull();
  });

  test('a token is taken within the tolerance of clocks', async () => {
    expect(await setup().find(await sign({ exp: now() - 10 }))).not.toBeNull();
    expect(await setup({ clockToleranceSeconds: 0 }).find(await sign({ exp: now() - 10 }))).toBeNull();
  });

  test('a token begins and ends by the given clock, not by that of the process', async () => {
    let ours = Date.now() - 25 * 3_600_000;
    const check = setup({ now: () => ours });
    const token = await sign({ nbf: Math.floor(ours / 1000) - 60, exp: Math.floor(ours / 1000) + 60 });
    expect(await check.find(token)).not.toBeNull();
    expect(await check.find(await sign({ nbf: now() - 60, exp: now() + 60 }))).toBeNull();
    ours += 91_000;
    expect(await check.find(token)).toBeNull();
  });

  test('an unsigned token, one of another key, and one signed with the public key as secret are refused', async () => {
    const check = setup();
    const [head, body] = (await sign({})).split('.');
    const none = Buffer.from(JSON.stringify({ alg: 'none', kid: 'first' })).toString('base64url');
    expect(await check.find(`${none}.${body}.`)).toBeNull();
    expect(await check.find(`${head}.${body}.`)).toBeNull();
    expect(await check.find(await sign({}, { ...second, kid: 'first' }))).toBeNull();
    const secret = Buffer.from(first.publicKey.export({ format: 'pem', type: 'spki' }));
    const confused = await new SignJWT({ iss: issuer, aud: audience, client_id: 'loader', exp: now() + 60 })
      .setProtectedHeader({ alg: 'HS256', kid: 'first' })
      .sign(secret);
    expect(await check.find(confused)).toBeNull();
    expect(await check.find('a.b.c')).toBeNull();
    expect(await check.find('no token')).toBeNull();
  });

  test('a token of an algorithm that is not on the list is refused', async () => {
    expect(await setup({ algorithms: ['RS256'] }).find(await sign({}))).toBeNull();
  });

  test('a token that brings its own key is checked with the keys of the issuer', async () => {
    const jwk = jwkOf(second);
    expect(await setup().find(await sign({}, second, { kid: 'first', jwk }))).toBeNull();
  });

  test('an accepted token is refused after its expiry', async () => {
    const check = setup({ clockToleranceSeconds: 0 });
    const token = await sign({ exp: now() + 30 });
    expect(await check.find(token)).not.toBeNull();
    vi.useFakeTimers({ now: Date.now() + 31_000, toFake: ['Date'] });
    onTestFinished(() => void vi.useRealTimers());
    expect(await check.find(token)).toBeNull();
  });
});

describe('the keys of the issuer', () => {
  test('the keys of the issuer are requested once', async () => {
    const provider = await createProvider(first);
    const check = setup({ jwks: provider.url });
    for (let count = 0; count < 5; count++) {
      expect(await check.find(await sign({ jti: String(count) }))).not.toBeNull();
    }
    expect(provider.requests).toBe(1);
  });

  test('the keys of the issuer are requested again for a token with a new key id', async () => {
    const provider = await createProvider(first);
    const check = setup({ jwks: provider.url });
    expect(await check.find(await sign({}))).not.toBeNull();
    provider.keys = [first, second];
    vi.useFakeTimers({ now: Date.now() + 6_000, toFake: ['Date'] });
    onTestFinished(() => void vi.useRealTimers());
    expect(await check.find(await sign({}, second))).not.toBeNull();
    expect(provider.requests).toBe(2);
  });

  test('the keys of the issuer are not requested again for each token with an unknown key id', async () => {
    const provider = await createProvider(first);
    const check = setup({ jwks: provider.url });
    for (let count = 0; count < 5; count++) expect(await check.find(await sign({}, second))).toBeNull();
    expect(provider.requests).toBe(1);
  });

  test('issuer keys that cannot be read are an error of the server, not of the client', async () => {
    const provider = await createProvider(first);
    provider.status = 500;
    const unavailable = { code: 'authentication_unavailable' };
    await expect(setup({ jwks: provider.url }).find(await sign({}))).rejects.toMatchObject(unavailable);
    await expect(setup({ jwks: '/nowhere/jwks.json' }).find(await sign({}))).rejects.toMatchObject(
      unavailable,
    );
  });

  test('the keys of the issuer are read again when their file has changed', async () => {
    vi.useFakeTimers({ now: Date.now(), toFake: ['performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const file = createFile(first);
    const check = setup({ jwks: file.path });
    expect(await check.find(await sign({}))).not.toBeNull();
    file.write(createKey('third'), second);
    vi.advanceTimersByTime(6_000);
    expect(await check.find(await sign({}, second))).not.toBeNull();
    expect(await check.find(await sign({ jti: 'new' }))).toBeNull();
  });
});
