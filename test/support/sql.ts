// Statements of a test's own, beside the product: to look at rows, and to do what only an operator or a fault does.

import pg from 'pg';
import { inject, onTestFinished } from 'vitest';

export type SqlRow = Record<string, unknown>;

/**
 * Runs one statement with parameters, once. Its session may be one of earlier statements: that keeps none of their state,
 * but the defaults that its role and database had at its login.
 */
export async function sql(url: string, text: string, values: unknown[] = []): Promise<SqlRow[]> {
  const kept = take(url);
  const isAlive = await kept?.query('').then(
    () => true,
    () => false,
  );
  return runIn(kept !== undefined && isAlive === true ? kept : await connect(url), url, text, values);
}

interface Kept {
  client: pg.Client;
  end: NodeJS.Timeout;
}

/** Sessions that wait for a next statement, by their URL, because a connection costs 11 ms of CPU. */
const idle = new Map<string, Kept[]>();
const idleMs = 500;

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client(url);
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

async function runIn(client: pg.Client, url: string, text: string, values: unknown[]): Promise<SqlRow[]> {
  try {
    return (await client.query<SqlRow>(text, values)).rows;
  } finally {
    await client.query('discard all').then(
      () => keep(url, client),
      () => client.end(),
    );
  }
}

async function keep(url: string, client: pg.Client): Promise<void> {
  // A server of a test's own may stop at any moment.
  if (new URL(url).host !== new URL(inject('postgresUrl')).host) return client.end();
  const end = setTimeout(() => {
    idle.set(
      url,
      idle.get(url)!.filter((each) => each.client !== client),
    );
    void client.end();
  }, idleMs);
  idle.set(url, [...(idle.get(url) ?? []), { client, end: end.unref() }]);
}

function take(url: string): pg.Client | undefined {
  const kept = idle.get(url)?.pop();
  clearTimeout(kept?.end);
  return kept?.client;
}

/** A connection that is closed at the end of the test: for transactions that are held open, and for locks. */
export async function openConnection(url: string): Promise<pg.Client> {
  const client = await connect(url);
  onTestFinished(() => client.end());
  return client;
}
