// Rows that two leaders write at the same time, and rows with equal keys in one batch: each write has the answer that
// it would have alone.

import pg from 'pg';
import {
  intakeOrigin,
  memoryOrigin,
  settleBatch,
  settleOptions,
  tableTargets,
  type BatchReport,
  type SettleOptions,
} from 'sluice/internal/batch';
import type { Write } from 'sluice/internal/protocol';
import { Session } from 'sluice/internal/store';
import { readTargets, type TableCatalog, type TableDefinition } from 'sluice/internal/targets';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { model } from '../support/model.ts';
import { insertIntake, rowWrite, type RowBody, type RowWriteOptions } from '../support/row-write.ts';

const database = useDatabase();
const definitions: TableDefinition[] = [{ table: 'parent' }, { table: 'child' }];
/** The session of the leader of the low lanes, and that of the leader of the high lanes. */
let low: Session;
let high: Session;
let other: pg.Client;
let tables: Map<string, TableCatalog>;

beforeAll(async () => {
  low = await Session.open({ url: database.writerUrl, applicationName: 'low lanes' });
  high = await Session.open({ url: database.writerUrl, applicationName: 'high lanes' });
  other = new pg.Client(database.url);
  await other.connect();
  await other.query(`
    create table parent (id integer primary key);
    create table child (id integer primary key, one integer references parent, two integer references parent);
    grant select, insert, update, delete on all tables in schema public to ${new URL(database.writerUrl).username};
    insert into sluice.lane (lane) select generate_series(0, 15);`);
  tables = new Map((await readTargets(low, definitions)).tables.map((table) => [table.table, table]));
});

afterAll(async () => {
  await Promise.all([low.close(), high.close(), other.end()]);
});

beforeEach(async () => {
  await other.query(
    `truncate sluice.intake, sluice.awaited, sluice.dead_letter, ${[...tables.keys()].join()}`,
  );
});

const optionsOf = (): SettleOptions => ({
  ...settleOptions(model, { lanes: 16, cascadeDocumentsMax: 100 }),
  targets: tableTargets(definitions),
});
const isLow = (lane: number): boolean => lane < 8;
const isHigh = (lane: number): boolean => lane >= 8;

const make = (
  table: string,
  operation: Write['operation'],
  body: RowBody | readonly RowBody[],
  more: RowWriteOptions = {},
): Write => rowWrite(tables.get(table)!, operation, body, { tables: [...tables.values()], ...more });

async function lead(session: Session, isLed: (lane: number) => boolean): Promise<BatchReport> {
  const { rows } = await other.query<{ lane: number; term: string }>('select lane, term from sluice.lane');
  const led = rows.filter(({ lane }) => isLed(lane));
  const terms = new Map(led.map(({ lane, term }) => [lane, Number(term)]));
  return settleBatch(session, intakeOrigin(terms, 100), optionsOf());
}

function fates(writes: readonly Write[], report: BatchReport): string[] {
  const known = new Map([
    ...report.outcomes.map(({ outcome }) => [outcome.writeId, outcome.code ?? outcome.result] as const),
    ...report.deferred.map(({ writeId }) => [writeId, 'deferred'] as const),
    ...report.blocked.map(({ write }) => [write.writeId, 'blocked'] as const),
  ]);
  return writes.map(({ writeId }) => known.get(writeId) ?? 'nothing');
}

const rows = async (text: string): Promise<unknown[]> =>
  (await other.query<Record<string, unknown>>(text)).rows;

describe('a child whose parent another leader commits during its batch', () => {
  /** The first parents whose lanes the other leader leads. */
  function parents(count: number): { id: number; write: Write }[] {
    const made = Array.from({ length: 100 }, (_, id) => ({ id, write: make('parent', 'insert', { id }) }));
    return made.filter(({ write }) => isHigh(write.lane)).slice(0, count);
  }

  /** A child in a lane of the leader of the low lanes. */
  function inLow(make: (id: number) => Write): Write {
    return Array.from({ length: 100 }, (_, id) => make(id + 1)).find(({ lane }) => isLow(lane))!;
  }

  /** Runs an action just before the nth look of this leader at the intake. */
  function beforeLook(session: Session, action: (look: number) => Promise<unknown>): () => number {
    const run = session.run.bind(session);
    let looks = 0;
    const spy = vi.spyOn(session, 'run').mockImplementation(async (name, values) => {
      if (name === 'readAliases') await action(++looks);
      return run(name, values);
    });
    onTestFinished(() => spy.mockRestore());
    return () => looks;
  }

  const forms: [string, (id: number, one: number) => Write][] = [
    ['an insert', (id, one) => make('child', 'insert', { id, one })],
    ['an upsert', (id, one) => make('child', 'upsert', { id, one })],
    ['an array of inserts', (id, one) => make('child', 'insert', [{ id }, { id: id + 500, one }])],
    ['an array of upserts', (id, one) => make('child', 'upsert', [{ id }, { id: id + 500, one }])],
    [
      'an array that ignores existing rows',
      (id, one) => make('child', 'upsert', [{ id, one }], { ignoresExisting: true }),
    ],
  ];
  test.each(forms)(
    '%s of a child is applied if its parent is committed during its batch',
    async (_, form) => {
      const [parent] = parents(1);
      const child = inLow((id) => form(id, parent!.id));
      await insertIntake(low, [parent!.write, child]);
      beforeLook(low, async (look) => (look === 1 ? lead(high, isHigh) : null));
      const report = await lead(low, isLow);
      expect([fates([child], report), report.errors]).toEqual([['created'], []]);
      expect(await rows('select one from child where one is not null')).toEqual([{ one: parent!.id }]);
    },
  );

  test('an update is applied if its parent is committed during its batch', async () => {
    const [parent] = parents(1);
    const child = inLow((id) => make('child', 'update', { id, one: parent!.id }));
    const { id } = JSON.parse(child.body!) as { id: number };
    await other.query('insert into child values ($1)', [id]);
    await insertIntake(low, [parent!.write, child]);
    beforeLook(low, async (look) => (look === 1 ? lead(high, isHigh) : null));
    expect(fates([child], await lead(low, isLow))).toEqual(['updated']);
  });

  test('a child waits for its second parent after the first was committed during its batch', async () => {
    const [first, second] = parents(2);
    const child = inLow((id) => make('child', 'insert', { id, one: first!.id, two: second!.id }));
    await insertIntake(low, [first!.write, second!.write, child]);
    await other.query('update sluice.intake set blocked_at = now(), was_blocked = true where write_id = $1', [
      second!.write.writeId,
    ]);
    beforeLook(low, async (look) => (look === 1 ? lead(high, isHigh) : null));
    expect(fates([child], await lead(low, isLow))).toEqual(['blocked']);
    expect(await rows('select awaited_id from sluice.awaited')).toEqual([
      { awaited_id: second!.write.referentialId },
    ]);
  });

  test('a child without a parent is refused after one more statement, and its neighbours after none', async () => {
    const neighbours = [1, 2].map((id) => make('child', 'insert', { id: 900 + id }));
    const orphans = [1, 2].map((id) => make('child', 'insert', { id, one: 777 }));
    const countOf = async (writes: Write[]): Promise<[number, string[]]> => {
      const query = vi.spyOn(low, 'query');
      const report = await settleBatch(low, memoryOrigin(writes), optionsOf());
      const count = query.mock.calls.length;
      query.mockRestore();
      return [count, fates(writes, report)];
    };
    expect(await countOf(neighbours)).toEqual([1, ['created', 'created']]);
    expect(await countOf(orphans)).toEqual([2, ['unresolved_reference', 'unresolved_reference']]);
  });
});
