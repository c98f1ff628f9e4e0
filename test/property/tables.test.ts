// Random tables and random batches of writes to them, from the memory of a node and from the intake, compared with PostgreSQL itself: the
// same writes one at a time, each a statement of its own, in the order in which a batch is said to apply them.

import fc from 'fast-check';
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
import { readTargets, type TableCatalog } from 'sluice/internal/targets';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { model } from '../support/model.ts';
import {
  keyOf,
  randomBatch,
  randomTables,
  tablesText,
  type RandomTables,
  type Step,
} from '../support/random-tables.ts';
import { insertIntake, rowWrite } from '../support/row-write.ts';

const cases = Math.ceil(Number(process.env['SLUICE_PROPERTY_CASES'] ?? 300) / 15);
const definitions = [{ table: 'child' }, { table: 'parent' }];

const runs = randomTables.chain((tables) =>
  fc.record({
    tables: fc.constant(tables),
    isIntake: fc.boolean(),
    batches: fc.array(randomBatch(tables), { minLength: 1, maxLength: 4 }),
  }),
);

describe('any batch of rows of any tables', () => {
  const database = useDatabase();
  let session: Session;
  let client: pg.Client;

  beforeAll(async () => {
    session = await Session.open({ url: database.url, applicationName: 'tables property' });
    client = new pg.Client(database.url);
    await client.connect();
    await client.query(`create schema mirror;
      create collation anycase (provider = icu, locale = 'und-u-ks-level2', deterministic = false); insert into sluice.lane (lane) select generate_series(0, 15);
      create function count_change() returns trigger language plpgsql as $$ begin
        new.changes := old.changes + 1; return new; end $$`);
  });

  afterAll(async () => {
    await session.close();
    await client.end();
  });

  test(
    'any batch of rows has the results and leaves the rows of one statement after the other',
    async () => {
      await fc.assert(fc.asyncProperty(runs, runCase), { numRuns: cases });
    },
    60_000 + cases * 1000,
  );

  async function runCase({
    tables,
    isIntake,
    batches,
  }: {
    tables: RandomTables;
    isIntake: boolean;
    batches: readonly Step[][];
  }): Promise<void> {
    await client.query(`drop table if exists parent, child, mirror.parent, mirror.child cascade;
      truncate sluice.intake, sluice.awaited, sluice.dead_letter;
      ${tablesText(tables, 'public')} ${tablesText(tables, 'mirror')}`);
    const catalogs = new Map(
      (await readTargets(session, definitions)).tables.map((table) => [table.table, table]),
    );
    const options = {
      ...settleOptions(model, { lanes: 16, cascadeDocumentsMax: 100 }),
      targets: tableTargets(definitions),
    };
    let open: [Step, Write][] = [];
    // Writes that name one row in different ways are settled one after the other.
    const further = batches.flat().map((): Step[] => []);
    for (const batch of [...batches, ...further]) {
      const added = batch.map((each): [Step, Write] => [each, writeOf(catalogs, each)]);
      open.push(...added);
      if (open.length === 0) continue;
      if (isIntake)
        await insertIntake(
          session,
          added.map(([, write]) => write),
        );
      const report = await settle(
        isIntake,
        open.map(([, write]) => write),
        options,
      );
      // A part of a batch may hold a row whose parent is in another part. The leader of its lane would wake it.
      const isWhole = report.errors.length === 0;
      expect([isWhole ? report.blocked : [], report.failed]).toEqual([[], []]);
      await client.query('truncate sluice.awaited; update sluice.intake set blocked_at = null');
      const results = new Map(
        report.outcomes.map(({ outcome }) => [outcome.writeId, outcome.code ?? outcome.result]),
      );
      const settled = open.filter(([, { writeId }]) => results.has(writeId));
      open = open.filter(([, { writeId }]) => !results.has(writeId));
      const told: string[] = [];
      const expected: string[] = [];
      const ordered = isWhole ? inOrder(settled) : settled;
      for (const [each, { writeId }] of ordered) {
        told.push(resultOf(each, results.get(writeId)!));
        expected.push(resultOf(each, await applyAlone(tables, each)));
      }
      expect(told).toEqual(expected);
      for (const table of ['parent', 'child'])
        expect(await rowsOf(`public.${table}`)).toEqual(await rowsOf(`mirror.${table}`));
    }
    expect(open).toEqual([]);
  }

  async function settle(isIntake: boolean, writes: Write[], options: SettleOptions): Promise<BatchReport> {
    if (!isIntake) return settleBatch(session, memoryOrigin(writes), options);
    const { rows } = await client.query<{ lane: number; term: string }>('select lane, term from sluice.lane');
    const terms = new Map(rows.map(({ lane, term }) => [lane, Number(term)]));
    return settleBatch(session, intakeOrigin(terms, 100), options);
  }

  function writeOf(catalogs: Map<string, TableCatalog>, step: Step): Write {
    const { table, operation, body, ignoresExisting } = step;
    const form = { tables: [...catalogs.values()], ignoresExisting };
    return rowWrite(catalogs.get(table)!, operation, body, form);
  }

  /** In rounds: of each row its first write, then its second. In a round parents first, but for deletes. */
  function inOrder(writes: [Step, Write][]): [Step, Write][] {
    const seen = new Map<string, number>();
    const placed = writes.map((each, position) => {
      const [{ table, operation }, { referentialId }] = each;
      const round = seen.get(referentialId) ?? 0;
      seen.set(referentialId, round + 1);
      const depth = table === 'parent' ? 0 : 1;
      return { each, place: [round, operation === 'delete' ? 3 - depth : depth, position] };
    });
    return placed
      .sort((one, other) => {
        const index = one.place.findIndex((part, at) => part !== other.place[at]);
        return index < 0 ? 0 : one.place[index]! - other.place[index]!;
      })
      .map(({ each }) => each);
  }

  /** An array may be refused for several reasons, of which the answer names one. */
  function resultOf({ body }: Step, result: string): string {
    return Array.isArray(body) && /^(row|unresolved)_/.test(result) ? 'refused' : result;
  }

  const rowsOf = async (table: string): Promise<unknown[]> =>
    (await client.query<{ row: unknown }>(`select to_jsonb(t) as row from ${table} t order by 1`)).rows;

  /** As somebody would write it by hand. */
  async function applyAlone(tables: RandomTables, step: Step): Promise<string> {
    const { table, operation, body, ignoresExisting } = step;
    const rows = Array.isArray(body) ? body : [body];
    const names = Object.keys(rows[0]!);
    const quoted = (name: string): string => `"${name}"`;
    const key = keyOf(tables, table);
    const values = rows.flatMap((row) => names.map((name) => parameter(row[name])));
    const holes = rows.map(
      (_, at) => `(${names.map((_, index) => `$${at * names.length + index + 1}`).join()})`,
    );
    const where = key.map((name) => `${name} = $${names.indexOf(name) + 1}`).join(' and ');
    // Another spelling of the key is kept out of the row, if there is anything else to set.
    const changed = names.filter((name) => !key.includes(name));
    const set = (prefix: string): string =>
      (changed.length > 0 ? changed : key.slice(0, 1))
        .map(
          (name) =>
            `${quoted(name)} = ${prefix === '' ? `$${names.indexOf(name) + 1}` : prefix + quoted(name)}`,
        )
        .join(', ');
    const target = `mirror.${table}`;
    const insert = `insert into ${target} (${names.map(quoted).join()}) values ${holes.join()}`;
    const action = ignoresExisting ? 'nothing' : `update set ${set('excluded.')}`;
    const texts = {
      insert,
      upsert: `${insert} on conflict (${key.join()}) do ${action} returning xmax = 0 as is_new`,
      update: `update ${target} set ${set('')} where ${where}`,
      delete: `delete from ${target} where ${where}`,
    };
    try {
      const answer = await client.query<{ is_new: boolean }>(texts[operation], values);
      if (operation === 'insert') return 'created';
      if (operation === 'upsert') {
        if (answer.rows.length === 0) return 'unchanged';
        return answer.rows.some(({ is_new: isNew }) => isNew) ? 'created' : 'updated';
      }
      if (answer.rowCount === 0) return 'row_not_found';
      return operation === 'update' ? 'updated' : 'deleted';
    } catch (error) {
      const { code } = error as { code: string };
      if (code === '23505') return 'row_exists';
      if (code === '23001') return 'row_referenced';
      if (code === '23503')
        return operation === 'delete' && table === 'parent' ? 'row_referenced' : 'unresolved_reference';
      return 'row_invalid';
    }
  }

  /** An array is one of PostgreSQL, any other object is JSON. */
  const parameter = (value: unknown): unknown =>
    typeof value === 'object' && value !== null && !Array.isArray(value) ? JSON.stringify(value) : value;
});
