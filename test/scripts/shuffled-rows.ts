// A large load of three tables with foreign keys in random order, by 128 clients through `/rest` of two nodes, with two writers: processes of the
// built code, on a server of their own in a temporary folder. Ends with one JSON line; the exit code is 0 only if all rows are there, none
// was refused, and the reader saw no child without its parent.
//
//   node --conditions=source --import tsx test/scripts/shuffled-rows.ts
//
// --customers=500 --orders=10 --lines=10 --clients=128 --seed=1

import { parseArgs } from 'node:util';
import pg from 'pg';
import { Deployment } from '../chaos/deployment.ts';
import { countRows, loadOrders, orderTables, orderTargets } from '../support/order-load.ts';

const { values } = parseArgs({
  options: {
    customers: { type: 'string', default: '500' },
    orders: { type: 'string', default: '10' },
    lines: { type: 'string', default: '10' },
    clients: { type: 'string', default: '128' },
    seed: { type: 'string', default: '1' },
  },
});
const shape = {
  customers: Number(values.customers),
  orders: Number(values.orders),
  lines: Number(values.lines),
};
const deployment = await Deployment.start({
  nodes: ['coordinated', 'coordinated'],
  writers: 2,
  logLevel: 'warn',
  tables: { sql: orderTables, targets: orderTargets },
});
try {
  const nodes = deployment.nodes.map(({ url }) => url!);
  const load = { shape, clients: Number(values.clients), seed: Number(values.seed) };
  const { refused, ...report } = await loadOrders(nodes, deployment.url, load);
  const client = new pg.Client(deployment.url);
  await client.connect();
  let missing = 0;
  let rows = 0;
  for (const [table, count] of Object.entries(countRows(shape))) {
    const answer = await client.query<{ count: number }>(`select count(*)::integer from ${table}`);
    rows += count;
    missing += count - answer.rows[0]!.count;
  }
  await client.end();
  const isSound = missing === 0 && refused.length === 0 && report.orphans === 0;
  const rowsPerSecond = Math.round(rows / report.seconds);
  console.log(
    JSON.stringify({ rows, missing, refused: refused.length, first: refused[0], rowsPerSecond, ...report }),
  );
  process.exitCode = isSound ? 0 : 1;
} finally {
  await deployment.stop();
  await deployment.remove();
}
