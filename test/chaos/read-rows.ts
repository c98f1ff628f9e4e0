// What the user's own tables hold after a run: read past the product, by statements of its own.

import pg from 'pg';
import type { LedgerRow, RowTruth } from './row-history.ts';

export async function readRows(url: string): Promise<Omit<RowTruth, 'orphans'>> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  client.setTypeParser(20, Number);
  const all = async <T>(text: string): Promise<T[]> => (await client.query(text)).rows as T[];
  try {
    return {
      ledger: await all<LedgerRow>('select seq, target, key, op, token from ledger order by seq'),
      gauges: await all('select name, token from gauge'),
      counters: await all('select counter, n from counter'),
      events: await all('select token, count(*)::integer as rows from event group by token'),
      rows: await all(
        ['shelf', 'entry', 'account']
          .map((table) => `select '${table}' as target, name as key, token from ${table}`)
          .join(' union all '),
      ),
    };
  } finally {
    await client.end();
  }
}
