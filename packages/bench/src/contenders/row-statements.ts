/** How contenders without Sluice write rows: one statement for each, or one for many. */
import type pg from 'pg';
import type { BenchDocument, OrderRow } from '../workload/bench-model.ts';
import { counterName } from '../workload/rows.ts';

type Queryable = Pick<pg.ClientBase, 'query'>;

const columns = ['id', 'customer_id', 'status', 'placed_at', 'amount', 'note'] as const;
const types = ['bigint', 'integer', 'text', 'timestamptz', 'numeric', 'text'];

const insertOne = {
  name: 'insertOne',
  text: `insert into public.orders (${columns.join(', ')}) values (${columns.map((_, index) => `$${index + 1}`).join(', ')})`,
};
const insertMany = {
  name: 'insertMany',
  text: `insert into public.orders (${columns.join(', ')})
         select * from unnest(${types.map((type, index) => `$${index + 1}::${type}[]`).join(', ')})
         on conflict do nothing returning id`,
};
const increment = {
  name: 'increment',
  text: 'update public.counter set n = n + 1 where name = $1',
};

/** Inserts the row, or increments the counter, in a transaction of its own. */
export async function writeRow(client: Queryable, document: BenchDocument): Promise<void> {
  const { row } = document;
  if (row === undefined) {
    await client.query({ ...increment, values: [counterName] });
    return;
  }
  expectRow(document, await insertRow(client, row));
}

/** False: the table already has a row with its key. */
export function insertRow(client: Queryable, row: OrderRow): Promise<boolean> {
  return client.query({ ...insertOne, values: columns.map((name) => row[name]) }).then(
    () => true,
    (error: unknown) => {
      if ((error as { code?: string }).code === '23505') return false;
      throw error;
    },
  );
}

/** Inserts rows by one statement. */
export async function insertRows(client: Queryable, documents: readonly BenchDocument[]): Promise<void> {
  const rows = documents.map(({ row }) => row as OrderRow);
  const values = columns.map((name) => rows.map((row) => row[name]));
  const { rows: created } = await client.query<{ id: string }>({ ...insertMany, values });
  const ids = new Set(created.map(({ id }) => Number(id)));
  for (const document of documents) expectRow(document, ids.has((document.row as OrderRow).id));
}

/** @throws if a duplicate was created, or a new row was not */
export function expectRow({ isDuplicate = false }: BenchDocument, isCreated: boolean): void {
  if (isCreated === isDuplicate)
    throw new Error(
      `Cannot believe the answer: a ${isDuplicate ? 'duplicate' : 'new'} row was ${isCreated ? 'created' : 'refused'}`,
    );
}
