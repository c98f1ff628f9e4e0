import { expect, test } from 'vitest';
import { authSettings, openAuth } from './auth-settings.ts';
import { readSettings } from './setting.ts';

const open = async (environment: Record<string, string>, values: Record<string, unknown> = {}) =>
  openAuth(readSettings(authSettings, {}, environment, { path: 'file', values, whole: values }), {
    url: 'postgres://127.0.0.1:1/none',
    schema: undefined,
  });

const whole = {
  SLUICE_AUTH: 'jwt',
  SLUICE_JWT_ISSUER: 'https://id.example.org',
  SLUICE_JWT_AUDIENCE: 'sluice',
  SLUICE_JWT_JWKS: 'https://id.example.org/jwks',
};

test.each([
  [{ SLUICE_AUTH: 'jwt' }, 'Cannot start: --auth jwt needs --jwt-issuer'],
  [{ ...whole, SLUICE_JWT_AUDIENCE: '' }, 'Cannot start: --auth jwt needs --jwt-audience'],
  [{ ...whole, SLUICE_AUTH: 'keys' }, 'Cannot start: --jwt-issuer needs --auth jwt'],
  [
    { ...whole, SLUICE_JWT_JWKS: 'http://id.example.org/jwks' },
    'Cannot start: SLUICE_JWT_JWKS is not an https:// URL',
  ],
  [{ SLUICE_AUTH: 'keys,none' }, 'Cannot start: SLUICE_AUTH is not none, keys, jwt or keys,jwt'],
])('authentication with %j is refused: %s', async (environment, sentence) => {
  await expect(open(environment)).rejects.toThrow(sentence);
});

test.each(['HS256', 'none', ['RS256', 'HS256']])(
  'the setting jwtAlgorithms %j is refused',
  async (jwtAlgorithms) => {
    await expect(open(whole, { jwtAlgorithms })).rejects.toThrow(
      'Cannot start: jwtAlgorithms in file is not a list of RS256',
    );
  },
);

test.each([
  [{}, undefined],
  [{ SLUICE_AUTH: 'none' }, 'none'],
])('with %j, a node authenticates no client', async (environment, auth) => {
  expect((await open(environment)).auth).toBe(auth);
});

test.each([
  [{ SLUICE_AUTH: 'keys' }],
  [whole],
  [{ ...whole, SLUICE_AUTH: 'keys,jwt' }],
  [{ ...whole, SLUICE_JWT_JWKS: 'http://localhost:8000/jwks' }],
  [{ ...whole, SLUICE_JWT_JWKS: '/etc/sluice/jwks.json' }],
])('with %j, a node authenticates clients', async (environment) => {
  const { auth, close } = await open(environment);
  expect(auth).toBeTypeOf('object');
  await close();
});
