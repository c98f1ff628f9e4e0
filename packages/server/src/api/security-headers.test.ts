import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { createApi, type ApiOptions } from './api.ts';
import { Authenticator } from './auth/authenticator.ts';
import { listen } from './create-server.ts';
import { FakeClient } from './test-support.ts';

const setup = (options: Partial<ApiOptions> = {}) =>
  createApi({ client: new FakeClient(), logger: pino({ level: 'silent' }), ...options });
const asksForKeys = () => new Authenticator({ keys: { readKeys: async () => [] }, tokens: null });
const origin = 'https://app.example.org';

describe('an answer', () => {
  test.each(['/data/ed-fi/schools', '/data/ed-fi/nothing', '/nowhere', '/healthz'])(
    'an answer tells browsers and caches to keep and to embed nothing: %s',
    async (url) => {
      for (const auth of [undefined, asksForKeys()]) {
        const { headers } = await setup({ auth }).inject({ url });
        expect(headers).toMatchObject({
          'cache-control': 'no-store',
          'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
          'x-content-type-options': 'nosniff',
          'x-frame-options': 'DENY',
          'referrer-policy': 'no-referrer',
        });
      }
    },
  );

  test('an answer may be read only by pages of the configured origins', async () => {
    const ask = async (corsOrigins: string[], from: string) => {
      const api = setup({ corsOrigins, auth: asksForKeys() });
      const { headers } = await api.inject({ url: '/data/ed-fi/schools', headers: { origin: from } });
      expect(headers['access-control-allow-credentials']).toBeUndefined();
      return headers['access-control-allow-origin'];
    };
    expect(await ask([origin], origin)).toBe(origin);
    expect(await ask([origin, 'https://b.example.org'], origin)).toBe(origin);
    expect(await ask([origin], 'https://evil.example.org')).not.toBe('https://evil.example.org');
    expect(await ask([], origin)).toBeUndefined();
  });

  test('a preflight answer lets a page of a configured origin send its token', async () => {
    const { statusCode, headers } = await setup({ corsOrigins: [origin], auth: asksForKeys() }).inject({
      method: 'OPTIONS',
      url: '/data/ed-fi/schools',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization',
      },
    });
    expect(statusCode).toBe(204);
    expect(headers['access-control-allow-headers']).toContain('Authorization');
  });
});

describe('a node', () => {
  test('a node without settings listens to its own machine only', async () => {
    const api = setup();
    await expect(listen(api, { host: '0.0.0.0', port: 0 })).rejects.toMatchObject({
      code: 'configuration_invalid',
    });
    expect(api.server.listening).toBe(false);
    await listen(api, { host: 'localhost', port: 0 });
    await api.close();
  });

  test('a node that authenticates clients, or was told not to, listens to other machines', async () => {
    for (const auth of [asksForKeys(), 'none'] as const) {
      const api = setup({ auth });
      expect(await listen(api, { host: '0.0.0.0', port: 0 })).toMatch(/^http:/);
      await api.close();
    }
  });

  test('a node refuses a route that does not declare its access', async () => {
    const api = setup();
    expect(() => api.get('/new', () => 'x')).toThrow(
      'Cannot add a route: it does not name its scope: GET /new',
    );
  });
});
