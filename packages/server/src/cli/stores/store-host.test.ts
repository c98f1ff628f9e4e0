import { EventEmitter } from 'node:events';
import type { SluiceError } from 'sluice/internal/protocol';
import type { Logger } from 'pino';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { ClientLeft } from './shared-wait.ts';
import { StoreHost } from './store-host.ts';
import type { Store, Stores } from './stores-file.ts';

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined } as unknown as Logger;
const logger = { ...silent, child: () => silent } as unknown as Logger;

function storesOf(...stores: (Partial<Store> & { name: string })[]): Stores {
  return new Map(stores.map((store) => [store.name, { isMoving: false, server: 'one', ...store } as Store]));
}

interface Place {
  name: string;
  server: string;
  isBusy: () => boolean;
  close: () => Promise<void>;
}

/** Stores that are open, by name and server, in a host that opens nothing but a name. */
function hostOf(first: Stores, openMax = 10, opening?: (store: Store) => Promise<void>) {
  const open = new Set<string>();
  const file = { stores: first };
  const host = new StoreHost<Place>({
    file: '/no/such/file',
    readStores: () => file.stores,
    open: async (store) => {
      const { name, server } = store;
      await opening?.(store);
      const label = `${name} on ${server}`;
      open.add(label);
      const close = (): Promise<void> => Promise.resolve(void open.delete(label));
      return { name, server, isBusy: () => false, close };
    },
    idleMs: 60_000,
    openMax,
    holdsMoving: true,
    logger,
  });
  onTestFinished(() => host.close());
  const change = (stores: Stores): void => {
    file.stores = stores;
    host.reload();
  };
  const use = async (name: string): Promise<void> => (await host.use(name, 'request')).release();
  return { host, open, change, use };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('opening a store beyond the limit closes the open store that is unused for longest', async () => {
  const { open, use } = hostOf(storesOf({ name: 'a' }, { name: 'b' }, { name: 'c' }), 2);
  await use('a');
  await use('b');
  vi.advanceTimersByTime(1000);
  await use('a');
  vi.advanceTimersByTime(500);
  await use('c');
  expect([...open]).toEqual(['a on one', 'c on one']);
});

test('a store beyond the limit is refused while all open stores are in use, and opened afterwards', async () => {
  const { host, open, use } = hostOf(storesOf({ name: 'a' }, { name: 'b' }), 1);
  const { release } = await host.use('a', 'request');
  vi.advanceTimersByTime(5000);
  await expect(use('b')).rejects.toMatchObject({ code: 'overloaded' } satisfies Partial<SluiceError>);
  release();
  vi.advanceTimersByTime(1000);
  await use('b');
  expect([...open]).toEqual(['b on one']);
});

test('a store whose work cannot be looked up gives its place to another store, and stays open until then', async () => {
  const { host, open, use } = hostOf(storesOf({ name: 'full' }, { name: 'b' }), 1);
  await use('full');
  for (const place of host.opened)
    Object.assign(place, { isBusy: () => Promise.reject(new Error('too many connections')) });
  await vi.advanceTimersByTimeAsync(200_000);
  expect([...open]).toEqual(['full on one']);
  await use('b');
  expect([...open]).toEqual(['b on one']);
});

test('a moved store finishes its requests, closes, keeps new ones waiting, and serves them at the new place', async () => {
  const { host, open, change, use } = hostOf(storesOf({ name: 'a' }, { name: 'b' }));
  const { release } = await host.use('a', 'request');
  change(storesOf({ name: 'a', isMoving: true }, { name: 'b' }));
  const waiting = host.use('a', 'request');
  await use('b');
  expect([...open]).toEqual(['a on one', 'b on one']);
  release();
  expect([...open]).toEqual(['b on one']);
  expect(host.counts).toMatchObject({ held: 1, open: 1 });
  change(storesOf({ name: 'a', server: 'two' }, { name: 'b' }));
  expect((await waiting).value).toMatchObject({ server: 'two' });
});

test('a moved store waits for its requests only, and ends the streams of pages', async () => {
  const { host, open, change } = hostOf(storesOf({ name: 'a' }));
  const stream = await host.use('a', 'stream');
  const { release } = await host.use('a', 'request');
  vi.advanceTimersByTime(100_000);
  expect([...open]).toEqual(['a on one']);
  change(storesOf({ name: 'a', isMoving: true }));
  expect([...open]).toEqual(['a on one']);
  release();
  expect([...open]).toEqual([]);
  stream.release();
  change(storesOf({ name: 'a' }));
  await host.use('a', 'request');
  expect([...open]).toEqual(['a on one']);
});

test('a store whose move is given up serves the requests that waited', async () => {
  const { host, open, change } = hostOf(storesOf({ name: 'a' }));
  change(storesOf({ name: 'a', isMoving: true }));
  const waiting = host.use('a', 'request');
  await vi.advanceTimersByTimeAsync(1000);
  expect(open.size).toBe(0);
  change(storesOf({ name: 'a' }));
  expect((await waiting).value).toMatchObject({ server: 'one' });
});

test('a request that waits for a moved store for a minute is refused', async () => {
  const { host } = hostOf(storesOf({ name: 'a', isMoving: true }));
  const refused = host.use('a', 'request').catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(await refused).toMatchObject({ code: 'database_unavailable' });
});

test('a few stores of a server open at a time, the others in their turn, and a server without an answer delays no other', async () => {
  const names = Array.from({ length: 10 }, (_, index) => `s${index}`);
  const stores = [...names.map((name) => ({ name, server: 'mute' })), { name: 'b', server: 'two' }];
  const answers: (() => void)[] = [];
  const { host, open, use } = hostOf(storesOf(...stores), 20, ({ server }) =>
    server === 'two' ? Promise.resolve() : new Promise((resolve) => answers.push(resolve)),
  );
  const uses = names.map((name) => use(name).catch((error: unknown) => error));
  await use('b');
  expect([...open]).toEqual(['b on two']);
  await vi.advanceTimersByTimeAsync(1900);
  expect(answers).toHaveLength(4);
  answers.at(0)?.();
  await vi.advanceTimersByTimeAsync(0);
  expect([...open]).toEqual(['b on two', 's0 on mute']);
  expect(answers).toHaveLength(5);
  // An opening that has ended frees its place once.
  await vi.advanceTimersByTimeAsync(100);
  expect(answers).toHaveLength(8);
  await vi.advanceTimersByTimeAsync(2000);
  for (const answer of answers) answer();
  expect(await Promise.all(uses)).toEqual(names.map(() => undefined));
  expect(host.counts).toMatchObject({ open: 11 });
});

test('four stores that open without an end delay a fifth store of their server by two seconds', async () => {
  const stuck = ['s0', 's1', 's2', 's3', 's4'];
  const ends: (() => void)[] = [];
  const stores = storesOf(...[...stuck, 'well'].map((name) => ({ name })));
  const { open, use } = hostOf(stores, 20, ({ name }) =>
    name === 'well' ? Promise.resolve() : new Promise((resolve) => ends.push(resolve)),
  );
  onTestFinished(() => ends.forEach((end) => end()));
  for (const name of stuck) void use(name);
  const well = use('well');
  await vi.advanceTimersByTimeAsync(1999);
  expect(open.size).toBe(0);
  await vi.advanceTimersByTimeAsync(1);
  await well;
  expect([...open]).toEqual(['well on one']);
});

test('stores whose openings have hung or failed before wait for each other, and delay no other store of their server', async () => {
  const stuck = Array.from({ length: 90 }, (_, index) => `s${index}`);
  const opened = new Set<string>();
  const fail = new Set<() => void>();
  let isOver = false;
  const stores = storesOf(...[...stuck, 'well'].map((name) => ({ name })));
  const { use } = hostOf(stores, 200, ({ name }) => {
    opened.add(name);
    if (name === 'well' || isOver) return Promise.resolve();
    return new Promise((_, reject) => {
      const end = (): void => {
        fail.delete(end);
        reject(new Error('no answer'));
      };
      fail.add(end);
      setTimeout(end, 36_000);
    });
  });
  onTestFinished(() => {
    isOver = true;
    fail.forEach((each) => each());
  });
  // All of them again and again, until each has been tried.
  for (let round = 0; round < 12; round++) {
    for (const name of stuck) use(name).catch(() => undefined);
    await vi.advanceTimersByTimeAsync(11_000);
  }
  expect(opened.size).toBe(stuck.length);
  for (const name of stuck) use(name).catch(() => undefined);
  await vi.advanceTimersByTimeAsync(0);
  const well = use('well');
  await vi.advanceTimersByTimeAsync(0);
  await well;
});

test('a store that is removed while it waits for its turn, or a process that stops then, does not wait for the turn', async () => {
  const others = ['s0', 's1', 's2', 's3'].map((name) => ({ name }));
  const answers: (() => void)[] = [];
  const { change, use, host } = hostOf(
    storesOf(...others, { name: 'a' }, { name: 'b' }),
    20,
    () => new Promise((resolve) => answers.push(resolve)),
  );
  onTestFinished(() => answers.forEach((answer) => answer()));
  for (const { name } of others) void use(name);
  const removed = use('a').catch((error: unknown) => error);
  const stopped = use('b').catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(0);
  change(storesOf(...others, { name: 'b' }));
  await vi.advanceTimersByTimeAsync(0);
  const ofRemoved = await Promise.race([removed, Promise.resolve('waits')]);
  expect(ofRemoved).toMatchObject({ code: 'endpoint_not_found' });
  const closed = host.close();
  await vi.advanceTimersByTimeAsync(0);
  expect(await Promise.race([stopped, Promise.resolve('waits')])).toMatchObject({ code: 'stopping' });
  for (const answer of answers) answer();
  await closed;
});

test('stores that open without an end on one server take no place of the stores of another server', async () => {
  const lost = Array.from({ length: 20 }, (_, index) => ({ name: `s${index}`, server: 'mute' }));
  const answers: (() => void)[] = [];
  onTestFinished(() => answers.forEach((answer) => answer()));
  const openMax = 3;
  const { open, use } = hostOf(storesOf(...lost, { name: 'b', server: 'two' }), openMax, ({ server }) =>
    server === 'two' ? Promise.resolve() : new Promise((resolve) => answers.push(resolve)),
  );
  const uses: Promise<unknown>[] = [];
  for (const { name } of lost) {
    uses.push(use(name).catch((error: unknown) => error));
    await vi.advanceTimersByTimeAsync(1);
  }
  await vi.advanceTimersByTimeAsync(5000);
  expect(answers).toHaveLength(12);
  await use('b');
  expect([...open]).toEqual(['b on two']);
  for (let turns = 0; turns < 5; turns++) {
    for (const answer of answers) answer();
    await vi.advanceTimersByTimeAsync(0);
    // The limit holds all the same.
    expect(open.size).toBe(openMax);
    await vi.advanceTimersByTimeAsync(2000);
  }
  const refused = (await Promise.all(uses)).filter((end) => end !== undefined);
  expect(refused.map((end) => (end as SluiceError).code)).toContain('overloaded');
});

test('a store whose turn does not come within ten seconds is refused, and may try again', async () => {
  const names = Array.from({ length: 21 }, (_, index) => `s${index}`);
  const answers: (() => void)[] = [];
  const { host, use } = hostOf(
    storesOf(...names.map((name) => ({ name }))),
    30,
    () => new Promise((resolve) => answers.push(resolve)),
  );
  const uses = names.map((name) => use(name).catch((error: unknown) => error));
  await vi.advanceTimersByTimeAsync(9999);
  expect(answers).toHaveLength(20);
  await vi.advanceTimersByTimeAsync(1);
  for (const answer of answers) answer();
  const ends = await Promise.all(uses);
  expect(ends.map((end) => (end as SluiceError | undefined)?.code).filter(Boolean)).toEqual([
    'database_unavailable',
  ]);
  await vi.advanceTimersByTimeAsync(1000);
  const again = use('s20');
  await vi.advanceTimersByTimeAsync(0);
  answers.at(-1)?.();
  await again;
  expect(host.counts).toMatchObject({ open: 21 });
});

test.each([
  ['marked as moving', { isMoving: true }],
  ['moved', {}],
])('a store that is %s while it waits for its turn is not opened at the old place', async (_, mark) => {
  const before = ['s0', 's1', 's2', 's3', 'a'].map((name) => ({ name }));
  const others = before.slice(0, 4);
  const answers: (() => void)[] = [];
  onTestFinished(() => answers.forEach((answer) => answer()));
  const { open, change, host } = hostOf(storesOf(...before), 20, ({ name }) =>
    name === 'a' ? Promise.resolve() : new Promise((resolve) => answers.push(resolve)),
  );
  for (const { name } of others) void host.use(name, 'request');
  const waiting = host.use('a', 'request');
  await vi.advanceTimersByTimeAsync(100);
  if ('isMoving' in mark) change(storesOf(...others, { name: 'a', ...mark }));
  else change(storesOf(...others, { name: 'a', server: 'two' }));
  for (const answer of answers) answer();
  await vi.advanceTimersByTimeAsync(100);
  expect([...open]).not.toContain('a on one');
  change(storesOf(...others, { name: 'a', server: 'two' }));
  expect((await waiting).value).toMatchObject({ server: 'two' });
  expect(host.counts).toMatchObject({ open: 5 });
});

test('a store that is marked as moved while it opens closes at once if its client has left', async () => {
  let answer!: () => void;
  const { host, open, change } = hostOf(
    storesOf({ name: 'a' }),
    10,
    () => new Promise((resolve) => (answer = resolve)),
  );
  const client = Object.assign(new EventEmitter(), { closed: false });
  const left = host.use('a', 'request', client).catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(0);
  change(storesOf({ name: 'a', isMoving: true }));
  client.closed = true;
  client.emit('close');
  expect(await left).toBeInstanceOf(ClientLeft);
  answer();
  await vi.advanceTimersByTimeAsync(0);
  expect([[...open], host.counts]).toMatchObject([[], { held: 1, open: 0 }]);
});

test.each([
  ['is moved', { isMoving: true }],
  ['opens slowly', {}],
])('clients that leave while a store %s take no place of those that wait', async (_, mark) => {
  const opening: (() => void)[] = [];
  const { host } = hostOf(
    storesOf({ name: 'a', ...mark }),
    10,
    () => new Promise((resolve) => opening.push(resolve)),
  );
  onTestFinished(() => opening.forEach((open) => open()));
  const ends: Promise<unknown>[] = [];
  for (let count = 0; count < 1500; count++) {
    const client = Object.assign(new EventEmitter(), { closed: false });
    ends.push(host.use('a', 'request', client).catch((error: unknown) => error));
    if (count % 500 < 250) await Promise.resolve();
    client.closed = true;
    client.emit('close');
    if (count % 100 === 0) await vi.advanceTimersByTimeAsync(0);
    expect(client.listenerCount('close')).toBe(0);
  }
  expect((await Promise.all(ends)).every((end) => end instanceof ClientLeft)).toBe(true);
  const fake = Object.assign(new EventEmitter(), { closed: false });
  const waiting = host.use('a', 'request', fake);
  expect(await Promise.race([waiting, vi.advanceTimersByTimeAsync(1000).then(() => 'waits')])).toBe('waits');
});
