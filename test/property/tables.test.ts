// Random batches of row writes, compared with PostgreSQL itself: the same writes one at a time, each a statement of its own, in the
// order in which a batch is said to apply them.

import fc from 'fast-check';
import pg from 'pg';
import { memoryOrigin, settleBatch, settleOptions, tableTargets } from 'sluice/internal/batch';
import type { Write } from 'sluice/internal/protocol';
import { Session } from 'sluice/internal/store';
import { readTargets, type TableCatalog } from 'sluice/internal/targets';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { model } from '../support/model.ts';
import { rowWrite, type RowBody } from '../support/row-write.ts';

const cases = Math.ceil(Number(process.env['SLUICE_PROPERTY_CASES'] ?? 300) / 15);
const definitions = [{ table: 'child' }, { table: 'parent' }];

/** `foldable` has nothing that could refuse an upsert; `parent` and `child` have. */
const schema = (name: string): string => `
  create table ${name}.parent (
    id integer primary key, code integer unique, n integer not null default 3 check (n >= 0), changes integer default 0);
  create table ${name}.child (
    a integer, b integer, parent integer references ${name}.parent, v integer default 9, primary key (a, b));
  create function ${name}.count_change() returns trigger language plpgsql as $$ begin
    new.changes := old.changes + 1; return new; end $$;
  create trigger counted before update on ${name}.parent for each row execute function ${name}.count_change();
`;

interface Step {
  table: 'parent' | 'child';
  operation: Write['operation'];
  body: RowBody;
}

/** A batch with writes that are refused by errors is tried in parts, whose order is not told: such a batch has one table. */
const step = (isFaulty: boolean): fc.Arbitrary<Step> => {
  const id = fc.integer({ min: 1, max: 5 });
  const n = fc.integer({ min: isFaulty ? -1 : 0, max: 3 });
  // Values of the other unique rule differ between the rows of a batch, but may be those of rows from before.
  const parent = fc
    .record({ id, n, shift: fc.integer({ min: 0, max: 1 }), hasCode: fc.boolean(), hasN: fc.boolean() })
    .map(({ id, n, shift, hasCode, hasN }) => ({
      id,
      ...(hasN ? { n } : {}),
      ...(hasCode ? { code: id + 5 * shift } : {}),
    }));
  const writes = fc.record({
    table: fc.constant('parent' as const),
    operation: fc.constantFrom('insert' as const, 'upsert' as const, 'update' as const),
    body: parent,
  });
  if (isFaulty) {
    const removed = {
      table: fc.constant('parent' as const),
      operation: fc.constant('delete' as const),
      body: fc.record({ id }),
    };
    return fc.oneof(writes, fc.record(removed));
  }
  const child = fc
    .record({
      a: id,
      b: fc.constant(1),
      parent: fc.option(fc.integer({ min: 1, max: 6 })),
      v: fc.integer(),
      hasParent: fc.boolean(),
    })
    .map(({ hasParent, parent, ...row }) => (hasParent ? { ...row, parent } : row));
  const children = fc.record({
    table: fc.constant('child' as const),
    operation: fc.constantFrom('insert' as const, 'upsert' as const, 'update' as const),
    body: child,
  });
  const key = fc.record({ a: id, b: fc.constant(1) });
  const removed = fc.record({
    table: fc.constant('child' as const),
    operation: fc.constant('delete' as const),
    body: key,
  });
  return fc.oneof(writes, children, removed);
};

const batches = fc.array(
  fc.boolean().chain((isFaulty) => fc.array(step(isFaulty), { minLength: 1, maxLength: 10 })),
  { minLength: 1, maxLength: 4 },
);

describe('any batch of rows', () => {
  const database = useDatabase();
  let session: Session;
  let client: pg.Client;
  let tables: Map<string, TableCatalog>;
  const options = {
    ...settleOptions(model, { lanes: 16, cascadeDocumentsMax: 100 }),
    targets: tableTargets(definitions),
  };

  beforeAll(async () => {
    session = await Session.open({ url: database.url, applicationName: 'tables property' });
    client = new pg.Client(database.url);
    await client.connect();
    await client.query(`create schema mirror; ${schema('public')} ${schema('mirror')}`);
    const targets = await readTargets(session, definitions);
    tables = new Map(targets.tables.map((table) => [table.table, table]));
  });

  afterAll(async () => {
    await session.close();
    await client.end();
  });

  test(
    'has the results and leaves the rows of one statement after the other',
    async () => {
      await fc.assert(fc.asyncProperty(batches, runCase), { numRuns: cases });
    },
    60_000 + cases * 1000,
  );

  async function runCase(batches: readonly Step[][]): Promise<void> {
    await client.query('truncate parent, child, mirror.parent, mirror.child');
    let open: [Step, Write][] = [];
    for (const batch of [...batches, [], []]) {
      open.push(...batch.map((each): [Step, Write] => [each, writeOf(each)]));
      if (open.length === 0) continue;
      const report = await settleBatch(session, memoryOrigin(open.map(([, write]) => write)), options);
      expect([report.blocked, report.failed]).toEqual([[], []]);
      const results = new Map(
        report.outcomes.map(({ outcome }) => [outcome.writeId, outcome.code ?? outcome.result]),
      );
      const settled = open.filter(([, { writeId }]) => results.has(writeId));
      open = open.filter(([, { writeId }]) => !results.has(writeId));
      const told: string[] = [];
      const expected: string[] = [];
      const ordered = report.errors.length > 0 ? settled : inOrder(settled);
      for (const [each, { writeId }] of ordered) {
        told.push(results.get(writeId)!);
        expected.push(await applyAlone(each));
      }
      expect(told).toEqual(expected);
      for (const table of ['parent', 'child'])
        expect(await rowsOf(`public.${table}`)).toEqual(await rowsOf(`mirror.${table}`));
    }
    expect(open).toEqual([]);
  }

  function writeOf({ table, operation, body }: Step): Write {
    return rowWrite(tables.get(table)!, operation, body, { tables: [...tables.values()] });
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

  const rowsOf = async (table: string): Promise<unknown[]> =>
    (await client.query<Record<string, unknown>>(`select * from ${table} order by 1, 2`)).rows;

  /** As somebody would write it by hand. */
  async function applyAlone({ table, operation, body }: Step): Promise<string> {
    const names = Object.keys(body);
    const values = Object.values(body);
    const key = table === 'parent' ? ['id'] : ['a', 'b'];
    const holes = names.map((_, index) => `$${index + 1}`);
    const where = key.map((name) => `${name} = $${names.indexOf(name) + 1}`).join(' and ');
    const set = (prefix: string): string =>
      names.map((name, index) => `${name} = ${prefix === '' ? holes[index] : prefix + name}`).join(', ');
    const target = `mirror.${table}`;
    const insert = `insert into ${target} (${names.join()}) values (${holes.join()})`;
    const texts = {
      insert,
      upsert: `${insert} on conflict (${key.join()}) do update set ${set('excluded.')} returning xmax = 0 as is_new`,
      update: `update ${target} set ${set('')} where ${where}`,
      delete: `delete from ${target} where ${where}`,
    };
    try {
      const { rowCount, rows } = await client.query<{ is_new: boolean }>(texts[operation], values);
      if (operation === 'insert') return 'created';
      if (operation === 'upsert') return rows[0]!.is_new ? 'created' : 'updated';
      if (rowCount === 0) return 'row_not_found';
      return operation === 'update' ? 'updated' : 'deleted';
    } catch (error) {
      const { code } = error as { code: string };
      if (code === '23505') return 'row_exists';
      if (code === '23503') return operation === 'delete' ? 'row_referenced' : 'unresolved_reference';
      return 'row_invalid';
    }
  }
});
