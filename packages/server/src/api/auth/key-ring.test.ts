import type * as Crypto from 'node:crypto';
import { timingSafeEqual } from 'node:crypto';
import { describe, expect, test, vi } from 'vitest';
import { createApiKey } from './api-key.ts';
import { KeyRing, type StoredKey } from './key-ring.ts';

vi.mock('node:crypto', async (original) => {
  const crypto = await original<typeof Crypto>();
  return { ...crypto, timingSafeEqual: vi.fn(crypto.timingSafeEqual) };
});

function setup() {
  const world = { now: 1_000_000, reads: 0, isDown: false, stored: [] as StoredKey[] };
  const ring = new KeyRing({
    now: () => world.now,
    async readKeys() {
      world.reads += 1;
      if (world.isDown) throw new Error('down');
      return world.stored;
    },
  });
  const add = (client: string, secondsLeft: number | null = null) => {
    const { text, prefix, hash } = createApiKey();
    world.stored = [...world.stored, { prefix, hash, client, scopes: ['write:*'], secondsLeft }];
    return text;
  };
  return { world, ring, add };
}

describe('a key ring', () => {
  test('a key ring finds the owner of a key', async () => {
    const { ring, add } = setup();
    const key = add('loader');
    expect(await ring.find(key)).toMatchObject({ client: 'loader' });
  });

  test('a key ring rejects a key that has a known prefix and another secret', async () => {
    const { ring, add } = setup();
    const key = add('loader');
    const forged = key.slice(0, -43) + createApiKey().text.slice(-43);
    expect(forged.slice(0, 19)).toBe(key.slice(0, 19));
    expect(await ring.find(forged)).toBeNull();
    expect(await ring.find(`${key}x`)).toBeNull();
  });

  // How long an answer takes is no measure on a busy machine, so this looks at what compares.
  test('a key ring compares keys in a time that is independent of how much is right', async () => {
    const { ring, add } = setup();
    const key = add('loader');
    vi.mocked(timingSafeEqual).mockClear();
    expect(await ring.find(key)).not.toBeNull();
    expect(await ring.find(key.slice(0, -43) + createApiKey().text.slice(-43))).toBeNull();
    expect(vi.mocked(timingSafeEqual).mock.results.map(({ value }) => value as boolean)).toEqual([
      true,
      false,
    ]);
  });

  test('a key ring asks the database once for many requests, and once for unknown keys', async () => {
    const { ring, add, world } = setup();
    const key = add('loader');
    await Promise.all(Array.from({ length: 100 }, () => ring.find(key)));
    for (let count = 0; count < 100; count++) await ring.find(createApiKey().text);
    expect(world.reads).toBe(1);
  });

  test('a key ring refuses a revoked key after 3 seconds', async () => {
    const { ring, add, world } = setup();
    const key = add('loader');
    await ring.find(key);
    world.stored = [];
    world.now += 3_000;
    expect(await ring.find(key)).not.toBeNull();
    world.now += 1;
    expect(await ring.find(key)).toBeNull();
  });

  test('a key ring takes a key that was made a moment ago', async () => {
    const { ring, add, world } = setup();
    await ring.find(add('first'));
    const second = add('second');
    world.now += 501;
    expect(await ring.find(second)).toMatchObject({ client: 'second' });
  });

  test('a key ring refuses a key after its expiry, without another read', async () => {
    const { ring, add, world } = setup();
    const key = add('loader', 2);
    expect(await ring.find(key)).not.toBeNull();
    world.now += 2_000;
    expect(await ring.find(key)).toBeNull();
    expect(world.reads).toBe(1);
  });

  test('a key ring serves for a minute while the database cannot be read, then refuses all', async () => {
    const { ring, add, world } = setup();
    const key = add('loader');
    await ring.find(key);
    world.isDown = true;
    world.now += 60_000;
    expect(await ring.find(key)).not.toBeNull();
    world.now += 1;
    await expect(ring.find(key)).rejects.toMatchObject({ code: 'authentication_unavailable' });
    world.isDown = false;
    expect(await ring.find(key)).not.toBeNull();
  });
});
