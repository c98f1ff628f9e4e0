// One store's trouble is its own: 20 stores on two servers, two nodes and two writers as processes, each store with clients of its
// own. First a quiet phase, then one in which the database of one store is stopped, another's refuses new rows as one with a full
// disk does, and the lanes of a third are paused. Prints the rate and p99 of the other 17 in both, and whether the three recover.
// It takes less than three minutes with a trouble of 60 s; the phases before and after it take half as long.
//
//   npm run build && node --conditions=source --import tsx test/scripts/store-isolation.ts
//
// --stores=20 --seconds=60 --clients=1 --think-ms=200

import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { execute } from '../support/postgres.ts';
import { StoreFleet } from '../support/store-fleet.ts';

const { values: options } = parseArgs({
  options: {
    stores: { type: 'string', default: '20' },
    seconds: { type: 'string', default: '60' },
    clients: { type: 'string', default: '1' },
    'think-ms': { type: 'string', default: '200' },
  },
});
const count = Number(options.stores);
/** Of the trouble. */
const troubleMs = Number(options.seconds) * 1000;
const quietMs = troubleMs / 2;
const clients = Number(options.clients);
const [stopped, full, paused] = [0, 1, 2];
/** A client sends so often, at most: the machine has room, so that the rate tells what other stores take from a store. */
const thinkMs = Number(options['think-ms']);

const fleet = await StoreFleet.start({ stores: count, servers: 2 });
const urlOf = (store: number): string => fleet.urlOf(store);
const adminOf = (store: number): string => fleet.adminOf(store);

interface Sample {
  store: number;
  at: number;
  tookMs: number;
  status: number;
}

const samples: Sample[] = [];
const over = new AbortController();
let lastId = 0;

async function client(node: number, store: number): Promise<void> {
  while (!over.signal.aborted) {
    const began = performance.now();
    const status = await fleet.write(node, store, ++lastId);
    samples.push({ store, at: began, tookMs: performance.now() - began, status });
    await pause(Math.max(0, began + thinkMs - performance.now()));
  }
}

interface Phase {
  rate: number;
  p99Ms: number;
  refused: number;
}

/** Of the stores that nothing is done to. */
function phaseOf(from: number, to: number): Phase {
  const own = samples.filter(({ store, at }) => store > paused && at >= from && at < to);
  const created = own.filter(({ status }) => status === 201);
  const times = created.map(({ tookMs }) => tookMs).sort((one, other) => one - other);
  return {
    rate: created.length / ((to - from) / 1000),
    p99Ms: times[Math.floor(times.length * 0.99)] ?? 0,
    refused: own.length - created.length,
  };
}

async function phase(lengthMs: number): Promise<Phase> {
  const from = performance.now();
  await pause(lengthMs);
  return phaseOf(from, performance.now());
}

/** No process can connect to the database, and those that are connected are ended. */
async function stopDatabase(store: number): Promise<void> {
  await execute(adminOf(store), `alter database ${fleet.databaseOf(store)} with allow_connections false`);
  await execute(
    adminOf(store),
    `select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = '${fleet.databaseOf(store)}'`,
  );
}

/** Each new row of the intake meets the error of a disk that is full. */
async function fill(store: number): Promise<void> {
  await execute(
    urlOf(store),
    `create function public.full() returns trigger language plpgsql as
       $$begin raise exception using errcode = 'disk_full', message = 'no space left'; end$$`,
  );
  await execute(
    urlOf(store),
    'create trigger is_full before insert on sluice.intake for each statement execute function public.full()',
  );
}

const lanes = (store: number, set: string): Promise<unknown> =>
  execute(urlOf(store), `update sluice.lane set ${set}`);

try {
  const running = Array.from({ length: count * clients }, (_, index) =>
    client(index % 2, Math.floor(index / clients)),
  );
  const isOpen = (): boolean =>
    new Set(samples.flatMap((each) => (each.status === 201 ? [each.store] : []))).size === count;
  while (!isOpen()) await pause(100);
  // Code and caches become warm.
  await pause(10_000);
  const before = await phase(quietMs);
  await stopDatabase(stopped);
  await fill(full);
  await lanes(paused, `paused_at = clock_timestamp(), paused_by = 'test'`);
  const during = await phase(troubleMs);
  const harmed = samples.filter(({ store, at }) => store <= paused && at > performance.now() - troubleMs);
  await execute(adminOf(stopped), `alter database ${fleet.databaseOf(stopped)} with allow_connections true`);
  await execute(urlOf(full), 'drop trigger is_full on sluice.intake');
  await lanes(paused, 'paused_at = null, paused_by = null');
  const after = await phase(quietMs);
  const recovered = [stopped, full, paused].map(
    (store) =>
      samples.filter(
        (each) => each.store === store && each.status === 201 && each.at > performance.now() - quietMs / 2,
      ).length > 0,
  );
  over.abort();
  await Promise.all(running);
  let lost = 0;
  for (let store = 0; store < count; store++) {
    const [row] = await execute(urlOf(store), 'select count(*)::int as n from sluice.document');
    const created = samples.filter((each) => each.store === store && each.status === 201).length;
    lost += Math.max(0, created - (row?.['n'] as number));
  }
  const line = (what: string, { rate, p99Ms, refused }: Phase): string =>
    `${what}: ${rate.toFixed(0)} documents/s, p99 ${p99Ms.toFixed(0)} ms, ${refused} not created`;
  console.log(`the ${count - 3} other stores, ${clients} clients each`);
  console.log(line('before', before));
  console.log(line('during', during));
  console.log(line('after', after));
  const ratio = (one: number, other: number): string => (one / other).toFixed(2);
  console.log(
    `rate during / before (goal: 0.95): ${ratio(during.rate, before.rate)}, p99 (goal: 1.2): ${ratio(during.p99Ms, before.p99Ms)}`,
  );
  console.log(
    `rate during / mean of before and after: ${ratio(during.rate, (before.rate + after.rate) / 2)}`,
  );
  const got = new Map<string, number>();
  for (const { store, status } of harmed) {
    const what = `s${store} ${status}`;
    got.set(what, (got.get(what) ?? 0) + 1);
  }
  const answers = [...got].map(([what, n]) => `${n} × ${what}`).join(', ');
  console.log(`answers of the three meanwhile (s0 stopped, s1 full, s2 paused): ${answers}`);
  console.log(`recovered: ${recovered.join(', ')}; acknowledged and lost: ${lost}`);
} finally {
  over.abort();
  await fleet.stop();
}
