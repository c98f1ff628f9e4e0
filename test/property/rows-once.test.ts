// Random batches of rows and arrays for a table with triggers, which note each row that they see. What an answer says was written,
// the triggers saw once; what it refuses or leaves unchanged, they did not see.

import fc from 'fast-check';
import pg from 'pg';
import { intakeOrigin, memoryOrigin, settleBatch, settleOptions, tableTargets } from 'sluice/internal/batch';
import type { Outcome, Write } from 'sluice/internal/protocol';
import { Session } from 'sluice/internal/store';
import { readTargets } from 'sluice/internal/targets';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { model } from '../support/model.ts';
import { insertIntake, rowWrite } from '../support/row-write.ts';

const cases = Math.ceil(Number(process.env['SLUICE_PROPERTY_CASES'] ?? 300) / 15);
const database = useDatabase();
const definitions = [{ table: 'told' }];
let session: Session;
let client: pg.Client;

beforeAll(async () => {
  session = await Session.open({ url: database.url, applicationName: 'rows once' });
  client = new pg.Client(database.url);
  await client.connect();
  await client.query(`insert into sluice.lane (lane) select generate_series(0, 15);
    create table seen (mark integer);
    create function lower_id() returns trigger language plpgsql as $$ begin
      if new.n = 0 then return null; end if;
      new.id := lower(new.id); return new; end $$;
    create function note_row() returns trigger language plpgsql as $$ begin
      insert into seen values (new.mark); return null; end $$;
    create function refuse_late() returns trigger language plpgsql as $$ begin
      if new.n = 4 then raise exception 'no' using errcode = '23514'; end if; return null; end $$`);
});

afterAll(async () => {
  await session.close();
  await client.end();
});

interface Row {
  id: string;
  part?: number;
  code?: number | null;
  n: number;
}

const row: fc.Arbitrary<Row> = fc
  .record({
    id: fc.constantFrom('a', 'A', 'b', 'B', 'c', 'd'),
    part: fc.option(fc.integer({ min: 1, max: 2 })),
    code: fc.option(fc.constantFrom(1, 2, 3, null), { nil: undefined }),
    // Kept out by a trigger, refused by a CHECK, refused at the COMMIT.
    n: fc.constantFrom(1, 2, 3, 1, 2, 3, 0, -1, 4),
  })
  .map(({ id, part, code, n }) => ({
    id,
    ...(part === null ? {} : { part }),
    ...(code === undefined ? {} : { code }),
    n,
  }));

const step = fc.record({
  operation: fc.constantFrom('insert' as const, 'upsert' as const),
  rows: fc.oneof(row, fc.array(row, { minLength: 1, maxLength: 4 })),
  ignores: fc.boolean(),
  isReturning: fc.boolean(),
});

const run = fc.record({
  isParted: fc.boolean(),
  isLowered: fc.boolean(),
  isUnique: fc.boolean(),
  isLate: fc.boolean(),
  isIntake: fc.boolean(),
  batches: fc.array(fc.array(step, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 3 }),
});
type Run = typeof run extends fc.Arbitrary<infer R> ? R : never;

function tableText({ isParted, isLowered, isUnique, isLate }: Run): string {
  const parts = [1, 2].map((part) => `create table told_${part} partition of told for values in (${part});`);
  const each = 'for each row execute function';
  return `drop table if exists told cascade;
    create table told (id text, part integer default 1, code integer, n integer check (n >= 0), mark integer,
      primary key (id, part) ${isUnique ? ', unique (code, part)' : ''}) ${isParted ? 'partition by list (part)' : ''};
    ${isParted ? parts.join('') : ''}
    ${isLowered ? `create trigger lowered before insert on told ${each} lower_id();` : ''}
    create trigger noted after insert or update on told ${each} note_row();
    ${isLate ? `create constraint trigger late after insert or update on told deferrable initially deferred ${each} refuse_late();` : ''}`;
}

async function runCase(given: Run): Promise<void> {
  await client.query(`${tableText(given)}; truncate seen, sluice.intake, sluice.awaited, sluice.dead_letter`);
  const [table] = (await readTargets(session, definitions)).tables;
  const options = {
    ...settleOptions(model, { lanes: 16, cascadeDocumentsMax: 100 }),
    targets: tableTargets(definitions),
  };
  let mark = 0;
  for (const batch of given.batches) {
    const steps = batch.map(({ operation, rows, ignores, isReturning }) => {
      const marked = [rows].flat().map((each) => ({ ...each, mark: ++mark }));
      const ignoresExisting = operation === 'upsert' && ignores;
      const body = Array.isArray(rows) ? marked : marked[0]!;
      return {
        write: rowWrite(table!, operation, body, { ignoresExisting, isReturning }),
        marked,
        ignoresExisting,
        isReturning,
      };
    });
    const outcomes = await settleAll(
      steps.map(({ write }) => write),
      given.isIntake,
      options,
    );
    const { rows: seen } = await client.query<{ mark: number }>('select mark from seen');
    for (const { write, marked, ignoresExisting, isReturning } of steps) {
      const { code, result, detail } = outcomes.get(write.writeId)!;
      const counts = marked.map((each) => seen.filter(({ mark: noted }) => noted === each.mark).length);
      const isWritten = code === null && result !== 'unchanged';
      const mayMiss = (place: number): boolean =>
        ignoresExisting || (given.isLowered && marked[place]!.n === 0);
      expect(
        counts.every((count, place) => count === 1 || (count === 0 && (!isWritten || mayMiss(place)))),
      ).toBe(true);
      expect(counts.includes(1)).toBe(isWritten);
      const written = isReturning ? counts.filter((count) => count === 1).length : 0;
      expect(detail?.rowTexts ?? []).toHaveLength(written);
    }
  }
}

async function settleAll(
  writes: readonly Write[],
  isIntake: boolean,
  options: Parameters<typeof settleBatch>[2],
): Promise<Map<string, Outcome>> {
  const outcomes = new Map<string, Outcome>();
  if (isIntake) await insertIntake(session, writes);
  const { rows } = await client.query<{ lane: number; term: string }>('select lane, term from sluice.lane');
  const terms = new Map(rows.map(({ lane, term }) => [lane, Number(term)]));
  for (let open = [...writes]; open.length > 0; open = open.filter(({ writeId }) => !outcomes.has(writeId))) {
    const origin = isIntake ? intakeOrigin(terms, 100) : memoryOrigin(open);
    const report = await settleBatch(session, origin, options);
    expect([report.failed, report.blocked]).toEqual([[], []]);
    expect(report.outcomes.length).toBeGreaterThan(0);
    for (const { outcome } of report.outcomes) outcomes.set(outcome.writeId, outcome);
  }
  return outcomes;
}

test(
  'triggers see once each row that an answer calls written, and no other',
  { timeout: 60_000 + cases * 1000 },
  async () => {
    await fc.assert(fc.asyncProperty(run, runCase), { numRuns: cases });
  },
);
