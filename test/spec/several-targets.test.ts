// A constraint of one target that fails at the end of a batch, and a server that lacks something: no neighbour is blamed.

import pg from 'pg';
import {
  defineProjection,
  intakeOrigin,
  memoryOrigin,
  settleBatch,
  settleOptionsOf,
  type BatchReport,
} from 'sluice/internal/batch';
import type { Write } from 'sluice/internal/protocol';
import { agreeProjections, Database, Session } from 'sluice/internal/store';
import { readTargets, type TargetDefinition } from 'sluice/internal/targets';
import { describeDocument, laneOf } from 'sluice/model';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { model, resource } from '../support/model.ts';
import { insertIntake, rowWrite } from '../support/row-write.ts';
import { fresh } from '../support/world.ts';

const database = useDatabase();
const definitions: TargetDefinition[] = [
  { table: 'one' },
  { table: 'two' },
  { function: 'public.keep', key: ['$.id'] },
  {
    name: 'handled',
    key: ['$.id'],
    async settle({ writes, query }) {
      for (const { body } of writes)
        await query('insert into ended values ($1)', [(body as { bad: boolean }).bad]);
      return writes.map(() => ({ result: 'created' }) as const);
    },
  },
];
/** Each note is a row of the user's own, too. */
const projection = defineProjection({
  name: 'kept',
  resources: ['test/notes'],
  async apply({ created }, transaction) {
    await transaction.query(
      `insert into ended select body ->> 'text' = 'bad' from sluice.document where document_id = any($1)`,
      [created.map(({ documentId }) => documentId)],
    );
  },
});
let session: Session;
let other: pg.Client;
let terms: Map<number, number>;
let tables: Awaited<ReturnType<typeof readTargets>>['tables'];

beforeAll(async () => {
  session = await Session.open({ url: database.url, applicationName: 'several targets' });
  other = new pg.Client(database.url);
  await other.connect();
  await other.query(`
    create table ended (bad boolean);
    create table one (id integer primary key, bad boolean);
    create table two (id integer primary key, bad boolean);
    create function look_at_end() returns trigger language plpgsql as $$ begin
      if new.bad then raise exception 'a secret' using errcode = '23514'; end if; return null; end $$;
    create constraint trigger at_end after insert on ended deferrable initially deferred for each row execute function look_at_end();
    create constraint trigger at_end after insert on one deferrable initially deferred for each row execute function look_at_end();
    create constraint trigger at_end after insert on two deferrable initially deferred for each row execute function look_at_end();
    create function keep(writes jsonb) returns setof text language plpgsql as $$ begin
      insert into ended select (value -> 'body' ->> 'bad')::boolean from jsonb_array_elements(writes);
      return query select 'kept' from jsonb_array_elements(writes); end $$;
    insert into sluice.lane (lane) select generate_series(0, 15)`);
  const { rows } = await other.query<{ lane: number; term: string }>('select lane, term from sluice.lane');
  terms = new Map(rows.map(({ lane, term }) => [lane, Number(term)]));
  tables = (await readTargets(session, definitions)).tables;
  const pool = new Database({ url: database.url, applicationName: 'several targets' });
  await agreeProjections(pool, [projection]);
  await pool.close();
});

afterAll(async () => {
  await session.close();
  await other.end();
});

beforeEach(() => other.query('truncate one, two, ended, sluice.intake, sluice.awaited, sluice.dead_letter'));

const kinds = ['a document', 'public.one', 'public.two', 'public.keep', 'handled'] as const;
type Kind = (typeof kinds)[number];

function writeTo(kind: Kind, bad: boolean): Write {
  const table = tables.find(({ name }) => name === kind) ?? tables[0]!;
  const row = rowWrite(table, 'insert', { id: fresh(), bad });
  if (kind === table.name) return row;
  if (kind !== 'a document') return { ...row, resource: kind, form: null };
  const note = { noteId: fresh(), text: bad ? 'bad' : 'good' };
  const { referentialId } = describeDocument(resource('notes'), note);
  const body = JSON.stringify(note);
  const lane = laneOf(referentialId, null, 16);
  return { ...row, resource: 'test/notes', operation: 'upsert', referentialId, lane, form: null, body };
}

const told: (string | null)[] = [];
const options = () => ({
  ...settleOptionsOf({ model, targets: definitions, projections: [projection] }),
  onRetry: ({ table, writes }: { table: string | null; writes: number }) => {
    if (writes > 1) told.push(table);
  },
});

describe.each([
  ['from the memory of a node', false],
  ['from the intake', true],
])('%s,', (_title, isIntake) => {
  async function settle(writes: Write[]): Promise<BatchReport> {
    told.length = 0;
    if (isIntake) await insertIntake(session, writes);
    const origin = isIntake ? intakeOrigin(terms, 100) : memoryOrigin(writes);
    return settleBatch(session, origin, options());
  }

  test.each(kinds)(
    'a fault at the end of a batch of all targets is answered to the write of %s alone',
    async (kind) => {
      const writes = [
        ...kinds.map((each) => writeTo(each, false)),
        writeTo(kind, true),
        ...kinds.map((each) => writeTo(each, false)),
      ];
      const report = await settle(writes);
      const codes = new Map<string, string>([
        ...report.outcomes.map(({ outcome }) => [outcome.writeId, outcome.code ?? 'fine'] as const),
        ...report.failed.map(({ write }) => [write.writeId, 'failed'] as const),
      ]);
      const bad = writes[kinds.length]!;
      const refused = {
        'a document': isIntake ? 'dead_letter' : 'failed',
        'public.keep': 'target_refused',
        handled: 'target_refused',
      };
      expect(writes.map(({ writeId }) => codes.get(writeId))).toEqual(
        writes.map((write) =>
          write === bad ? ((refused as Record<string, string>)[kind] ?? 'row_invalid') : 'fine',
        ),
      );
    },
  );

  test.each([
    ['tables', 'public.two'],
    ['targets', 'public.keep'],
  ] as const)('the log of a fault at the end of a batch names none of several %s', async (_, kind) => {
    await settle([writeTo('public.one', true), writeTo(kind, false)]);
    expect(told).toEqual([null]);
  });

  test('rows wait while the disk is full, and none becomes a dead letter', async () => {
    await other.query(`create or replace function fill_disk() returns trigger language plpgsql as $$ begin
        raise exception 'full' using errcode = '53100'; end $$;
      drop trigger if exists filled on one; create trigger filled before insert on one for each row execute function fill_disk()`);
    const write = writeTo('public.one', false);
    await expect(settle([write, writeTo('a document', false)])).rejects.toMatchObject({ sqlState: '53100' });
    await session.flight([{ name: 'rollback' }]);
    await other.query('drop trigger filled on one');
    if (!isIntake) return;
    const report = await settleBatch(session, intakeOrigin(terms, 100), options());
    expect(report.outcomes.map(({ outcome }) => outcome.code)).toEqual([null, null]);
  });
});
