/**
 * Rows of tables outside of Sluice: orders of 500 bytes with a primary key, a foreign key and two secondary indexes,
 * and one counter that all clients increment.
 */
import type { TargetDefinition } from 'sluice';
import type { WorkloadName } from '../names.ts';
import { prose, seededDraw, type BenchDocument, type OrderRow } from './bench-model.ts';

export const rowTargets: readonly TargetDefinition[] = [
  { table: 'public.orders' },
  { function: 'public.count_up', key: ['$.name'] },
];

/** Rows of the referenced table. */
export const customers = 200;
const rowBytes = 500;
export const counterName = 'hot';

/** Number of ids for each seed. Ids of stored rows are lower. */
const idsOfSeed = 1_000_000_000;
const idsOfShare = 10_000_000;

export interface RowSourceOptions {
  name: WorkloadName;
  /** Number of stored orders. */
  prefill: number;
  /** Percentage of rows with the key of a stored one. @default 0 */
  duplicates?: number;
  share: { index: number; of: number };
  seed: number;
}

export function rowSource({
  name,
  prefill,
  duplicates = 0,
  share,
  seed,
}: RowSourceOptions): () => BenchDocument {
  if (name === 'counter') {
    const increment = { endpoint: 'count_up', body: JSON.stringify({ name: counterName }) };
    return () => increment;
  }
  if (duplicates > 0 && prefill === 0)
    throw new Error('Cannot send duplicates: nothing is stored: --prefill is 0');
  const draw = seededDraw(seed * 1000 + share.index);
  const first = seed * idsOfSeed + share.index * idsOfShare;
  let count = 0;
  return () => {
    const isDuplicate = duplicates > 0 && draw() * 100 < duplicates;
    const id = isDuplicate ? 1 + Math.floor(draw() * prefill) : first + ++count;
    const row = orderRow(id, Math.floor(draw() * 2 ** 31));
    return {
      endpoint: 'orders',
      // Only needed over HTTP.
      get body() {
        return JSON.stringify(row);
      },
      row,
      isDuplicate,
    };
  };
}

/** @param salt selects customer, amount and text */
function orderRow(id: number, salt: number): OrderRow {
  const row = {
    id,
    customer_id: salt % customers,
    status: 'open',
    placed_at: new Date(Date.UTC(2026, 0) + (id % idsOfShare) * 1000).toISOString(),
    amount: (salt % 1_000_000) / 100,
  };
  const from = (Math.imul(salt, 40_503) >>> 0) % (prose.length - rowBytes);
  return { ...row, note: prose.slice(from, from + rowBytes - JSON.stringify(row).length - 10) };
}

/** Counts the writes of this seed in the database. */
export function countRowsText(name: WorkloadName, seed: number): string {
  if (name === 'counter') return `select n::text as n from public.counter where name = '${counterName}'`;
  return `select count(*)::text as n from public.orders where id >= ${seed * idsOfSeed} and id < ${(seed + 1) * idsOfSeed}`;
}
