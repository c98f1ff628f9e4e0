// Statements of a test's own, beside the product: to look at rows, and to do what only an operator or a fault does.

import pg from 'pg';
import { onTestFinished } from 'vitest';

export type SqlRow = Record<string, unknown>;

/** Runs one statement with parameters on a connection of its own. */
export async function sql(url: string, text: string, values: unknown[] = []): Promise<SqlRow[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query<SqlRow>(text, values)).rows;
  } finally {
    await client.end();
  }
}

/** A connection that is closed at the end of the test: for transactions that are held open, and for locks. */
export async function openConnection(url: string): Promise<pg.Client> {
  const client = new pg.Client(url);
  client.on('error', () => undefined);
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}
