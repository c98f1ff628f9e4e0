// Three tables with foreign keys, as in TPC-C, and a load of their rows in random order by many clients, while a reader looks for children
// without their parents.

import { hash } from 'node:crypto';
import { Agent } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { Rng } from '../chaos/rng.ts';
import { sendRequest } from '../chaos/send-request.ts';
import { sql } from './sql.ts';

export const orderTargets = [{ table: 'customer' }, { table: 'orders' }, { table: 'order_line' }];

export const orderTables = `
  create table customer (id integer primary key, name text not null);
  create table orders (
    customer integer references customer, number integer, placed timestamptz not null default now(), primary key (customer, number));
  create table order_line (
    customer integer, number integer, line integer, item text not null, amount integer not null check (amount > 0),
    primary key (customer, number, line), foreign key (customer, number) references orders);
`;

export interface OrderShape {
  customers: number;
  /** Of each customer. */
  orders: number;
  /** Of each order: half of them one by one, the others as one array. */
  lines: number;
}

export interface OrderLoadReport {
  /** Requests that were not accepted, and writes that were not applied. */
  refused: string[];
  /** Looks of the reader, and children without their parents that it saw. */
  looks: number;
  orphans: number;
  seconds: number;
}

const waitForReferencesSeconds = 600;

type Sent = [table: string, body: object];

export function countRows({ customers, orders, lines }: OrderShape): Record<string, number> {
  return { customer: customers, orders: customers * orders, order_line: customers * orders * lines };
}

/** Each request is sent until a node takes it, and answered once it is durable: of 128 clients that wait for parents, none might be left to send one. */
export async function loadOrders(
  nodes: readonly string[],
  database: string,
  { shape, clients, seed }: { shape: OrderShape; clients: number; seed: number },
): Promise<OrderLoadReport> {
  const rng = new Rng(seed);
  const sent = rng.shuffle([...requestsOf(shape)]);
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const report: OrderLoadReport = { refused: [], looks: 0, orphans: 0, seconds: 0 };
  const reader = new pg.Client(database);
  await reader.connect();
  const loading = new AbortController();
  const reading = look(reader, report, loading.signal);
  const client = async (): Promise<void> => {
    for (let next; (next = sent.pop()) !== undefined;) {
      const [table, body] = next;
      const { status, body: text } = await sendRequest(`${rng.pick(nodes)}/rest/${table}`, {
        method: 'POST',
        agent,
        timeoutMs: 60_000,
        headers: {
          prefer: `respond-async, wait-for-references=${waitForReferencesSeconds}`,
          'idempotency-key': hash('sha256', table + JSON.stringify(body), 'hex'),
        },
        body: JSON.stringify(body),
      });
      if (status === 202) continue;
      // A node that cannot take it now.
      if (status !== 503 && status !== 429) return void report.refused.push(`${status} ${text}`);
      sent.unshift(next);
      await pause(100);
    }
  };
  const since = performance.now();
  try {
    await Promise.all(Array.from({ length: clients }, client));
    while (report.refused.length === 0 && (await isAny(database, 'select from sluice.intake')))
      await pause(100);
    if (await isAny(database, `select from sluice.outcome where result <> 'created'`))
      report.refused.push('a write has an outcome that is not created');
  } finally {
    report.seconds = (performance.now() - since) / 1000;
    loading.abort();
    await reading;
    agent.destroy();
    await reader.end();
  }
  return report;
}

function* requestsOf({ customers, orders, lines }: OrderShape): Generator<Sent> {
  for (let id = 1; id <= customers; id++) {
    yield ['customer', { id, name: `Customer ${id}` }];
    for (let number = 1; number <= orders; number++) {
      yield ['orders', { customer: id, number }];
      const all = Array.from({ length: lines }, (_, line) => ({
        customer: id,
        number,
        line,
        item: `i${line}`,
        amount: line + 1,
      }));
      const alone = Math.ceil(lines / 2);
      for (const row of all.slice(0, alone)) yield ['order_line', row];
      if (alone < lines) yield ['order_line', all.slice(alone)];
    }
  }
}

async function isAny(database: string, text: string): Promise<boolean> {
  return (await sql(database, `${text} limit 1`)).length > 0;
}

async function look(reader: pg.Client, report: OrderLoadReport, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const { rows } = await reader.query<{ orphans: number }>(
      `select ((select count(*) from orders o where not exists (select from customer c where c.id = o.customer))
             + (select count(*) from order_line l where not exists (
                 select from orders o where (o.customer, o.number) = (l.customer, l.number))))::integer as orphans`,
    );
    report.looks += 1;
    report.orphans += rows[0]!.orphans;
    await pause(50);
  }
}
