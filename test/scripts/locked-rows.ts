// What rows that an outsider has locked cost those who do not need them: the rate and the p99 of neighbours beside a lock,
// against those of the seconds before or after it, and how soon the writes that need the row are settled once it is free. On
// a server of its own in a temporary folder, with writers and a client in this process.
//
//   node --conditions=source --import tsx test/scripts/locked-rows.ts
//
// --seconds=1.5 --rounds=5 --neighbours=24 --writers=1 --only=document,lane; the code of the exit is 1 if a goal is missed.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { defineProjection } from 'sluice/internal/batch';
import { createClient, type SluiceClient, type WriteRequest } from 'sluice/internal/client';
import { startEmbeddedPostgres } from '@sluice/dev/embedded';
import { describeDocument, laneOf } from 'sluice/model';
import { defaults } from 'sluice/internal/protocol';
import { migrate } from 'sluice/internal/store';
import { createWriter } from 'sluice/internal/writer';
import pg from 'pg';
import { model, resource } from '../support/model.ts';

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '1.5' },
    rounds: { type: 'string', default: '5' },
    neighbours: { type: 'string', default: '24' },
    writers: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
  },
});
const seconds = Number(options.seconds);
const goals = { rate: 0.9, p99: 2 };

type ResourceName = Parameters<typeof resource>[0];
let last = 0;
const upsert = (name: ResourceName, document: object, more: Partial<WriteRequest> = {}): WriteRequest => ({
  operation: 'upsert',
  resource: resource(name),
  body: JSON.stringify(document),
  ...more,
});
const note = (noteId: number): WriteRequest => upsert('notes', { noteId, text: ++last });
const laneOfNote = (noteId: number): number => {
  const { referentialId, superclassId } = describeDocument(resource('notes'), { noteId });
  return laneOf(referentialId, superclassId, defaults.lanes);
};
/** New documents, in other lanes than this. */
function neighbour(not: number): WriteRequest {
  let id = ++last;
  while (laneOfNote(id) === not) id = ++last;
  return note(id);
}

const countFriends = defineProjection({
  name: 'friends',
  resources: ['test/friends'],
  async apply(_changes, transaction) {
    await transaction.query('update public.friends set number = number + 1');
  },
});

interface Stage {
  client: SluiceClient;
  admin: pg.Client;
  /** In a transaction. */
  holder: pg.Client;
}

interface Scenario {
  /** Takes the lock, and gives the requests of those who need it: each is asked again and again. */
  lock: (stage: Stage) => Promise<(() => WriteRequest)[]>;
  /** The lane that stands still. */
  lane?: number;
}

async function heldNotes({ client, holder }: Stage, count: number): Promise<(() => WriteRequest)[]> {
  const ids = Array.from({ length: count }, () => ++last);
  for (const id of ids) {
    const { documentId } = await client.submit(note(id));
    await holder.query('select from sluice.document where document_id = $1 for update', [documentId]);
  }
  return ids.flatMap((id) => Array.from({ length: 4 }, () => () => note(id)));
}

const times = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make);

const scenarios: Readonly<Record<string, Scenario>> = {
  document: { lock: (stage) => heldNotes(stage, 1) },
  documents: { lock: (stage) => heldNotes(stage, 10) },
  lane: {
    lane: 5,
    async lock({ holder }) {
      await holder.query('select from sluice.lane where lane = 5 for update');
      let id = ++last;
      while (laneOfNote(id) !== 5) id = ++last;
      return times(4, () => () => note(id));
    },
  },
  alias: {
    async lock({ client, holder }) {
      const schoolId = ++last;
      const { documentId } = await client.submit(upsert('schools', { schoolId }));
      await holder.query('select from sluice.alias where document_id = $1 for update', [documentId]);
      return times(
        4,
        () => () => upsert('enrolments', { enrolmentId: ++last, schoolReference: { schoolId } }),
      );
    },
  },
  identity: {
    async lock({ holder }) {
      const noteId = ++last;
      const { referentialId } = describeDocument(resource('notes'), { noteId });
      await holder.query(
        `insert into sluice.document (document_id, referential_id, version, lane, resource, content_hash, body)
         values (gen_random_uuid(), $1, 1, 0, 'test/notes', '', '{}')`,
        [referentialId],
      );
      await holder.query(
        `insert into sluice.alias select referential_id, document_id, lane from sluice.document where referential_id = $1`,
        [referentialId],
      );
      return times(4, () => () => note(noteId));
    },
  },
  key: {
    async lock({ holder }) {
      const key = `key ${++last}`;
      await holder.query(
        `insert into sluice.idempotency_key (client, key, fingerprint, write_id) values ('', $1, '', gen_random_uuid())`,
        [key],
      );
      const noteId = ++last;
      return times(4, () => () => upsert('notes', { noteId }, { idempotencyKey: key }));
    },
  },
  projection: {
    async lock({ holder }) {
      await holder.query('select from public.friends for update');
      return times(4, () => () => upsert('friends', { friendId: ++last }));
    },
  },
};

interface Measured {
  rate: number;
  p99Ms: number;
}

/** Clients that each write one new document after the other, for a while. */
async function drive(client: SluiceClient, forMs: number, lane: number): Promise<Measured> {
  const took: number[] = [];
  const until = performance.now() + forMs;
  const ask = async (): Promise<void> => {
    while (performance.now() < until) {
      const began = performance.now();
      await client.submit(neighbour(lane));
      took.push(performance.now() - began);
    }
  };
  await Promise.all(times(Number(options.neighbours), ask));
  took.sort((a, b) => a - b);
  return { rate: (took.length * 1000) / forMs, p99Ms: took[Math.floor(took.length * 0.99)] ?? 0 };
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** In pairs, each beginning with the other kind, as a machine has better and worse seconds. */
async function measure(stage: Stage, name: string, scenario: Scenario): Promise<boolean> {
  const pairs: { rate: number; p99: number; releaseMs: number }[] = [];
  const rates: number[] = [];
  for (let round = 0; round < Number(options.rounds); round++) {
    const { lane = -1 } = scenario;
    const without = (): Promise<Measured> => drive(stage.client, seconds * 1000, lane);
    const first = round % 2 === 0 ? await without() : null;
    const { releaseMs, ...beside } = await driveBeside(stage, scenario);
    const other = first ?? (await without());
    pairs.push({ rate: beside.rate / other.rate, p99: beside.p99Ms / other.p99Ms, releaseMs });
    rates.push(other.rate);
  }
  const rate = median(pairs.map((pair) => pair.rate));
  const p99 = median(pairs.map((pair) => pair.p99));
  const isMet = rate >= goals.rate && p99 <= goals.p99;
  process.stdout.write(
    `${name.padEnd(10)} ${median(rates).toFixed(0)}/s without; beside: rate × ${rate.toFixed(2)}, p99 × ${p99.toFixed(2)}; ` +
      `settled ${median(pairs.map(({ releaseMs }) => releaseMs)).toFixed(0)} ms after the release${isMet ? '' : '  MISSED'}\n`,
  );
  return isMet;
}

async function driveBeside(
  stage: Stage,
  { lock, lane = -1 }: Scenario,
): Promise<Measured & { releaseMs: number }> {
  const { client, holder } = stage;
  await holder.query('begin');
  let early = 0;
  const waiting = Promise.all(
    (await lock(stage)).map((request) => client.submit(request()).then(() => (early += 1))),
  );
  const measured = await drive(client, seconds * 1000, lane);
  if (early > 0) throw new Error(`Cannot measure: ${early} writes did not need the lock`);
  await holder.query('rollback');
  const released = performance.now();
  await waiting;
  return { ...measured, releaseMs: performance.now() - released };
}

async function main(url: string): Promise<boolean> {
  await migrate({ url });
  const admin = new pg.Client({ connectionString: url });
  const holder = new pg.Client({ connectionString: url, application_name: 'an outsider' });
  await Promise.all([admin.connect(), holder.connect()]);
  await admin.query('create table public.friends as select 0 as number');
  const client = createClient({
    url,
    model,
    waitMs: 120_000,
    fastPathWritesMax: 0,
    projections: [countFriends],
  });
  const writers = times(Number(options.writers), () =>
    createWriter({ url, model, projections: [countFriends], spread: 'even' }),
  );
  try {
    await client.start();
    for (const writer of writers) await writer.start();
    await drive(client, 3000, -1);
    let isMet = true;
    for (const [name, scenario] of Object.entries(scenarios)) {
      if (options.only !== '' && !options.only.split(',').includes(name)) continue;
      isMet = (await measure({ client, admin, holder }, name, scenario)) && isMet;
    }
    return isMet;
  } finally {
    await client.stop();
    for (const writer of writers) await writer.stop();
    await Promise.all([admin.end(), holder.end()]);
  }
}

const folder = await mkdtemp(join(tmpdir(), 'sluice-locked-'));
const server = await startEmbeddedPostgres({ dataDir: folder });
try {
  process.exitCode = (await main(server.url)) ? 0 : 1;
} finally {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
}
