// Rows of three tables in random order, each submitted once, by 128 clients through two nodes: the writers find the order.

import { createApi, listen } from '@sluice/server/api';
import { createClient } from 'sluice/internal/client';
import { createWriter } from 'sluice/internal/writer';
import { onTestFinished, expect, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { model } from '../support/model.ts';
import { countRows, loadOrders, orderTables, orderTargets as targets } from '../support/order-load.ts';
import { patient } from '../support/patient.ts';
import { rolePrefix } from '../support/postgres.ts';
import { sql } from '../support/sql.ts';
import { untilEven } from '../support/world.ts';

const database = useDatabase();
const shape = { customers: 8, orders: 3, lines: 8 };

test('no row is refused for its order of arrival, and no reader sees a child without its parent', async () => {
  const { url } = database;
  await sql(url, orderTables);
  await sql(
    url,
    `grant select, insert, update, delete on customer, orders, order_line to ${rolePrefix}_writer`,
  );
  // Two, so that a parent and its child are of lanes that different writers lead.
  const writers = [1, 2].map(() => createWriter({ url: database.writerUrl, model, targets, spread: 'even' }));
  for (const writer of writers) {
    onTestFinished(() => writer.stop());
    await writer.start();
  }
  await untilEven(writers);
  const nodes: string[] = [];
  for (let index = 0; index < 2; index++) {
    const client = createClient({ ...patient, url: database.apiUrl, model, targets });
    const api = createApi({ client });
    onTestFinished(async () => {
      await api.close();
      await client.stop();
    });
    await client.start();
    nodes.push(await listen(api, { port: 0 }));
  }
  const { refused, looks, orphans } = await loadOrders(nodes, url, { shape, clients: 128, seed: 20 });
  expect(refused).toEqual([]);
  expect(looks).toBeGreaterThan(0);
  expect(orphans).toBe(0);
  for (const [table, count] of Object.entries(countRows(shape)))
    expect(await sql(url, `select count(*)::integer, '${table}' as table from ${table}`)).toEqual([
      { count, table },
    ]);
  expect(await sql(url, 'select from sluice.intake')).toEqual([]);
});
