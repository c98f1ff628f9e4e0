// What the database holds after a run: read past the product, by statements of its own.

import { closeSync, createReadStream, existsSync, openSync, readSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { StringDecoder } from 'node:string_decoder';
import pg from 'pg';
import type { HistoryEvent, OutcomeRow, Truth } from './history.ts';

const rowsAtOnce = 50_000;
const bytesAtOnce = 1 << 20;

/** Reads a table in slices of its key, into objects. */
async function readAll<T>(client: pg.Client, name: string, text: string): Promise<T[]> {
  const rows: T[] = [];
  await client.query('begin');
  await client.query(`declare ${name} no scroll cursor for ${text}`);
  for (;;) {
    const slice = await client.query(`fetch ${rowsAtOnce} from ${name}`);
    for (const row of slice.rows as T[]) rows.push(row);
    if (slice.rows.length < rowsAtOnce) break;
  }
  await client.query('commit');
  return rows;
}

/**
 * Outcomes stand in the order of their commits: what settles a batch is one statement, which may have noted the time of its
 * outcomes, but not looked yet whether its references lead anywhere, when others commit. Needs `track_commit_timestamp`.
 */
export async function readTruth(
  url: string,
): Promise<Omit<Truth, 'samples' | 'leaks' | 'unanswered'> & { outcomes: OutcomeRow[] }> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  client.setTypeParser(20, Number);
  try {
    return {
      outcomes: await readAll<OutcomeRow>(
        client,
        'outcomes',
        `select write_id as "writeId", batch_id as "batchId", ordinal, lane, term, result, code,
                (extract(epoch from pg_xact_commit_timestamp(xmin)) * 1e6)::bigint as at,
                document_id as "documentId", version, content_hash as hash
         from sluice.outcome`,
      ),
      documents: await readAll(
        client,
        'documents',
        `select document_id as "documentId", referential_id as "referentialId", version, content_hash as hash
         from sluice.document`,
      ),
      aliases: await readAll(
        client,
        'aliases',
        `select referential_id as "referentialId", document_id as "documentId" from sluice.alias`,
      ),
      references: await readAll(
        client,
        'refs',
        `select document_id as "documentId", referential_id as "referentialId" from sluice.reference`,
      ),
      intake: await readIntake(client),
      unledLanes: await readUnledLanes(client),
    };
  } finally {
    await client.end();
  }
}

export async function readIntake(client: pg.Client): Promise<{ writeId: string; isWaiting: boolean }[]> {
  const { rows } = await client.query<{ writeId: string; isWaiting: boolean }>(
    `select write_id as "writeId",
            coalesce(reference_deadline > clock_timestamp(), false) and blocked_at is not null as "isWaiting"
     from sluice.intake`,
  );
  return rows;
}

export async function readUnledLanes(client: pg.Client): Promise<number[]> {
  const { rows } = await client.query<{ lane: number }>(
    'select lane from sluice.lane where lane::integer <> all(sluice.led_lanes()) order by lane',
  );
  return rows.map(({ lane }) => lane);
}

/** The clients' history as it was written down: of a million operations never more than a piece is held. */
export function* readHistory(file: string): Generator<HistoryEvent> {
  const open = openSync(file, 'r');
  try {
    const bytes = Buffer.allocUnsafe(bytesAtOnce);
    const decoder = new StringDecoder('utf8');
    let rest = '';
    for (let count; (count = readSync(open, bytes)) > 0;) {
      const lines = (rest + decoder.write(bytes.subarray(0, count))).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) yield JSON.parse(line) as HistoryEvent;
    }
  } finally {
    closeSync(open);
  }
}

/** Lines of the logs, and of PostgreSQL's own, that hold the canary. */
export async function countLeaks(folder: string, more: readonly string[], canary: string): Promise<number> {
  const files = [...(await readdir(folder)).map((name) => join(folder, name)), ...more];
  let leaks = 0;
  for (const file of files) {
    if (!existsSync(file)) continue;
    for await (const line of createInterface({ input: createReadStream(file) }))
      if (line.includes(canary)) leaks += 1;
  }
  return leaks;
}
