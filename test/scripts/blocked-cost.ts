// What blocked writes cost: how fast ready writes drain beside 100,000 of them, and how many become ready at once. On a
// server of its own in a temporary folder, with a writer and a client in this process.
//
//   node --conditions=source --import tsx test/scripts/blocked-cost.ts
//
// --rounds=5 --writes=5000 --blocked=100000 --dependants=10000; --plans prints the plans of the statements concerned.

import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createClient, type SluiceClient, type WriteRequest } from 'sluice/internal/client';
import { startEmbeddedPostgres } from '@sluice/dev/embedded';
import { describeDocument } from 'sluice/model';
import { migrate, query, Session } from 'sluice/internal/store';
import { createWriter, type Writer } from 'sluice/internal/writer';
import pg from 'pg';
import { model, resource } from '../support/model.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    writes: { type: 'string', default: '5000' },
    blocked: { type: 'string', default: '100000' },
    dependants: { type: 'string', default: '10000' },
    plans: { type: 'boolean', default: false },
  },
});
const rounds = Number(options.rounds);
const writes = Number(options.writes);
const blocked = Number(options.blocked);
const dependants = Number(options.dependants);
const waiting = 128;
const schoolId = 1;

/** What the writer and the client send, by the name of the statement. */
const sent = new Map<string, number>();
let flights = 0;
// oxlint-disable-next-line typescript/unbound-method
const flight = Session.prototype.flight;
Session.prototype.flight = function (statements) {
  flights += 1;
  for (const { name } of statements) sent.set(name, (sent.get(name) ?? 0) + 1);
  return flight.call(this, statements);
};

let last = schoolId;
const enrolment = (school: number): WriteRequest => ({
  operation: 'upsert',
  resource: resource('enrolments'),
  body: JSON.stringify({ enrolmentId: ++last, schoolReference: { schoolId: school } }),
});
const school = (id: number): WriteRequest => ({
  operation: 'upsert',
  resource: resource('schools'),
  body: JSON.stringify({ schoolId: id }),
});

async function main(url: string): Promise<void> {
  await migrate({ url });
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  const client = createClient({ url, model, blockedWritesMax: 10_000_000 });
  const writer = createWriter({ url, model });
  try {
    await client.start();
    await writer.start();
    await client.submit(school(schoolId));
    await drain(client);
    await measureDrain(admin, client);
    await addBlocked(admin);
    await measureWaking(admin, client, writer);
    if (options.plans) await printPlans(url);
  } finally {
    await client.stop();
    await writer.stop();
    await admin.end();
  }
}

/** Writes a second that are settled while `waiting` clients each await the outcome of one. */
async function drain(client: SluiceClient): Promise<number> {
  const started = performance.now();
  let left = writes;
  const ask = async (): Promise<void> => {
    while (left-- > 0) await client.submit(enrolment(schoolId));
  };
  await Promise.all(Array.from({ length: waiting }, ask));
  return (writes * 1000) / (performance.now() - started);
}

/** In pairs, each beginning with the other kind, as a machine has better and worse minutes. */
async function measureDrain(admin: pg.Client, client: SluiceClient): Promise<void> {
  const without: number[] = [];
  const beside: number[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const kind of round % 2 === 0 ? [without, beside] : [beside, without]) {
      await (kind === beside ? addBlocked(admin) : forgetBlocked(admin));
      kind.push(await drain(client));
    }
    print(`round ${round + 1}: ${rate(without[round]!)} without, ${rate(beside[round]!)} beside ${blocked}`);
  }
  const ratios = beside.map((value, round) => value / without[round]!);
  print(
    `drain: ${rate(median(without))} without blocked writes, ${rate(median(beside))} beside ${blocked} (medians of ` +
      `${rounds}); ratio ${median(ratios).toFixed(2)} (median of the pairs)`,
  );
}

/** Valid writes whose reference nobody will ever provide, with a deadline far away. */
async function addBlocked(admin: pg.Client): Promise<void> {
  await admin.query('truncate sluice.intake, sluice.awaited');
  await admin.query('begin');
  await admin.query(
    `insert into sluice.intake (write_id, lane, operation, resource, document_id, referential_id, reference_ids,
       content_hash, client, reference_deadline, blocked_at, was_blocked, node, body)
     select w.id, n % 16, 'upsert', 'test/enrolments', w.id, gen_random_uuid(), array[gen_random_uuid()], '', 'blocked',
       clock_timestamp() + interval '10 days', clock_timestamp(), true, 0,
       jsonb_build_object('enrolmentId', -n, 'schoolReference', jsonb_build_object('schoolId', -n))
     from generate_series(1, $1::integer) n, lateral (select gen_random_uuid() as id where n > 0) w`,
    [blocked],
  );
  await admin.query(
    `insert into sluice.awaited (write_id, awaited_id, lane)
     select write_id, unnest(reference_ids), lane from sluice.intake where client = 'blocked'`,
  );
  await admin.query('commit');
  await settleDown(admin);
}

async function forgetBlocked(admin: pg.Client): Promise<void> {
  await admin.query('truncate sluice.intake, sluice.awaited');
  await settleDown(admin);
}

/** Both kinds of rounds begin with clean tables, their statistics known, and the writer aware of what there is. */
async function settleDown(admin: pg.Client): Promise<void> {
  await admin.query('vacuum analyze sluice.intake, sluice.awaited');
  await pause(1500);
}

/** One document that many await, amid all the others that stay blocked. */
async function measureWaking(admin: pg.Client, client: SluiceClient, writer: Writer): Promise<void> {
  const awaited = ++last;
  const count = async (text: string): Promise<number> =>
    Number((await admin.query<{ n: string }>(text)).rows[0]!.n);
  const blockedNow = () =>
    count("select count(*) as n from sluice.intake where client = 'dependant' and blocked_at is not null");
  const created = () =>
    count("select count(*) as n from sluice.outcome where client = 'dependant' and result = 'created'");
  let left = dependants;
  const send = async (): Promise<void> => {
    while (left-- > 0)
      await client.accept({ ...enrolment(awaited), client: 'dependant', waitForReferencesSeconds: 3600 });
  };
  const sending = performance.now();
  await Promise.all(Array.from({ length: waiting }, send));
  while ((await blockedNow()) < dependants) await pause(50);
  print(`blocking: ${dependants} dependants blocked in ${seconds(sending)}`);
  await settleDown(admin);

  sent.clear();
  flights = 0;
  const { batches, writes: settledBefore } = writer.status();
  const started = performance.now();
  await client.submit(school(awaited));
  const provided = seconds(started);
  while (writer.status().writes < settledBefore + 1 + dependants) await pause(5);
  print(
    `waking: provider answered after ${provided}, all ${dependants} settled after ${seconds(started)}: ` +
      `${writer.status().batches - batches} batches, ${flights} round trips, ${sum(sent.values())} statements`,
  );
  print([...sent].map(([name, times]) => `${name} ${times}`).join(', '));
  if ((await created()) !== dependants) throw new Error('Cannot be right: not every dependant was created');
}

/** The plans of the statements concerned, in a session like a writer's. Nothing of it is kept. */
async function printPlans(url: string): Promise<void> {
  const session = new pg.Client({ connectionString: url });
  await session.connect();
  for (const setting of [
    'enable_seqscan = off',
    'enable_hashjoin = off',
    'enable_mergejoin = off',
    'jit = off',
  ])
    await session.query(`set ${setting}`);
  await session.query('set plan_cache_mode = force_generic_plan');
  const lanes = `'{${Array.from({ length: 16 }, (_, lane) => lane).join(',')}}'`;
  const ids = `'{${Array.from({ length: 512 }, () => randomUUID()).join(',')}}'`;
  const many = ++last;
  const { referentialId } = describeDocument(resource('schools'), { schoolId: many });
  await session.query('begin');
  await session.query(
    `update sluice.awaited set awaited_id = $1 where write_id in
       (select write_id from sluice.intake where client = 'blocked' limit $2)`,
    [referentialId, dependants],
  );
  const fronts = `array_fill(0::bigint, array[16])`;
  const nowhere = `'00000000-0000-0000-0000-000000000000'`;
  const plans: [title: string, name: string, values: string][] = [
    ['', 'readReady', `${lanes}, 512, ${fronts}, 0, true`],
    ['512 identities that nobody blocked provides', 'readAhead', `${ids}, '{}', '{}', 1000000000`],
    ['512 ids that nobody awaits', 'wakeAwaiting', `${ids}, '{}', ${lanes}, 10000`],
    [`one id that ${dependants} await`, 'wakeAwaiting', `'{${referentialId}}', '{}', ${lanes}, 10000`],
    ['', 'nextAwaited', `${lanes}, ${nowhere}, ${nowhere}, 2000`],
    ['512 ids that nobody provides', 'lookAwaited', ids],
    ['', 'expireReferenceDeadlines', lanes],
    ['', 'heartbeat', `${lanes}, ${nowhere}, false, ${fronts}`],
  ];
  for (const [title, name, values] of plans) {
    await session.query(`prepare "${name}${title}" as ${query(name).text}`);
    await session.query('savepoint before');
    const { rows } = await session.query<{ 'QUERY PLAN': string }>(
      `explain (analyze, buffers off, costs off) execute "${name}${title}" (${values})`,
    );
    await session.query('rollback to before');
    print(`\n-- ${name}${title === '' ? '' : `: ${title}`}`);
    for (const row of rows) print(row['QUERY PLAN']);
  }
  await session.query('rollback');
  await session.end();
}

const rate = (value: number): string => `${Math.round(value)}/s`;
const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(2)} s`;
const sum = (values: Iterable<number>): number => [...values].reduce((total, value) => total + value, 0);
const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
const print = (line: string): void => void process.stdout.write(`${line}\n`);

const dataDir = await mkdtemp(join(tmpdir(), 'sluice-blocked-cost-'));
const server = await startEmbeddedPostgres({ dataDir });
// The server is told to stop when this process exits.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
try {
  await main(server.url);
} finally {
  await server.stop();
  await rm(dataDir, { recursive: true, force: true });
}
