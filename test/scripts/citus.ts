// A load on a deployment in a process of its own, and, where the database is a Citus that places the schema, a move of
// it meanwhile. Prints documents and batches a second, what clients got, the longest gap between two answers, and what
// the tables say afterwards.
//
//   npm run build && node --conditions=source --import tsx test/scripts/citus.ts --url=postgres://…
//
// --documents=20000 --clients=128 --moves=1; `--url` is that of the coordinator, and its role may move schemas.

import pg from 'pg';
import { parseArgs } from 'node:util';
import { setTimeout as pause } from 'node:timers/promises';
import { createClient } from 'sluice/internal/client';
import { createWriter } from 'sluice/internal/writer';
import { describeError } from 'sluice/internal/protocol';
import { model } from '../support/model.ts';
import { enrolment, upsert } from '../support/world.ts';
import { patient } from '../support/patient.ts';

const { values: options } = parseArgs({
  options: {
    url: { type: 'string' },
    documents: { type: 'string', default: '20000' },
    clients: { type: 'string', default: '128' },
    moves: { type: 'string', default: '1' },
    log: { type: 'boolean', default: false },
  },
});
const url = options.url!;
const documents = Number(options.documents);
const schools = 100;

const admin = new pg.Client({ connectionString: url });
await admin.connect();
const logger = options.log ? (await import('pino')).pino({ level: 'info' }) : undefined;
const writer = createWriter({ url, model, ...(logger ? { logger } : {}) });
await writer.start();
const node = createClient({ url, model, ...patient, ...(logger ? { logger } : {}) });
await node.start();

const base = Date.now() % 1_000_000_000;
const answers: Record<string, number> = {};
let next = 0;
let answeredAt = performance.now();
let longestGapMs = 0;

async function write(number: number): Promise<void> {
  const request =
    number < schools
      ? upsert('schools', { schoolId: base + number })
      : upsert('enrolments', enrolment(base + number, base + (number % schools)));
  let answer: string;
  try {
    const { result, code } = await node.submit(request);
    answer = code ?? result;
  } catch (error) {
    answer = JSON.stringify(describeError(error)).slice(0, 200);
  }
  answers[answer] = (answers[answer] ?? 0) + 1;
  const now = performance.now();
  longestGapMs = Math.max(longestGapMs, now - answeredAt);
  answeredAt = now;
}

async function client(): Promise<void> {
  while (next < documents) await write(next++);
}

async function move(): Promise<void> {
  for (let moves = 0; moves < Number(options.moves); moves++) {
    await pause(1500);
    const { rows } = await admin.query<{ id: number; nodename: string; nodeport: number }>(
      `select n.nodename, n.nodeport from pg_dist_node n
       where n.noderole = 'primary' and n.shouldhaveshards and n.nodename || ':' || n.nodeport <> sluice.find_home() limit 1`,
    );
    const at = performance.now();
    await admin.query(`select citus_schema_move('sluice', $1::text, $2::integer)`, [
      rows[0]!.nodename,
      rows[0]!.nodeport,
    ]);
    console.log(`moved to port ${rows[0]!.nodeport} in ${Math.round(performance.now() - at)} ms at ${next}`);
  }
}

const began = performance.now();
const moving = move();
await Promise.all(Array.from({ length: Number(options.clients) }, client));
const seconds = (performance.now() - began) / 1000;
await moving;
const { batches } = writer.status();
const { rows } = await admin.query(
  `select (select count(*) from sluice.document) as documents, (select count(*) from sluice.intake) as intake,
          (select count(*) from sluice.dead_letter) as dead_letters,
          (select count(*) from sluice.reference r where not exists (select from sluice.alias a where a.referential_id = r.referential_id)) as dangling`,
);
console.log({
  perSecond: Math.round(documents / seconds),
  batchesPerSecond: Math.round(batches / seconds),
  writesPerBatch: Math.round(documents / batches),
  seconds: Math.round(seconds * 10) / 10,
  answers,
  longestGapMs: Math.round(longestGapMs),
  ...rows[0],
});
await node.stop();
await writer.stop();
await admin.end();
