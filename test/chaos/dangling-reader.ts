// Looks five times a second, each time in one snapshot, whether a reference leads nowhere, or a row is there without its parent. Of
// documents and rows made lately, so that the look costs the same however much is stored; the end of the run looks at all.

import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';

const intervalMs = 200;
const lookBackMs = 15_000;

/** The smallest id of a document that was made since. */
function idSince(milliseconds: number): string {
  const hex = Math.max(0, milliseconds).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
}

export class DanglingReader {
  readonly samples: number[] = [];
  /** Children without their parents, in all looks. */
  orphans = 0;
  readonly #url: () => string;
  #isStopping = false;
  #running: Promise<void> = Promise.resolve();

  constructor(url: () => string) {
    this.#url = url;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      const client = new pg.Client({ connectionString: this.#url(), connectionTimeoutMillis: 500 });
      client.on('error', () => undefined);
      try {
        await client.connect();
        await client.query('set enable_seqscan = off');
        while (!this.#isStopping) {
          const [dangling, orphans] = await look(client);
          this.samples.push(dangling);
          this.orphans += orphans;
          await pause(intervalMs);
        }
      } catch {
        // The database is down: again when it is back.
        await pause(intervalMs);
      } finally {
        await client.end().catch(() => undefined);
      }
    }
  }
}

async function look(client: pg.Client): Promise<[dangling: number, orphans: number]> {
  await client.query('begin isolation level repeatable read read only');
  const { rows } = await client.query<{ dangling: string }>(
    `select count(*) as dangling
     from sluice.reference r
     left join sluice.alias a on a.referential_id = r.referential_id
     left join sluice.document target on target.document_id = a.document_id
     left join sluice.document own on own.document_id = r.document_id
     where r.document_id >= $1::uuid and (target.document_id is null or own.document_id is null)`,
    [idSince(Date.now() - lookBackMs)],
  );
  const children = await client.query<{ orphans: string }>(
    `select count(*) as orphans
     from (select key from ledger where target = 'entry' and seq > (select max(seq) - 5000 from ledger)) l
     join entry e on e.name = l.key left join shelf s on s.name = e.shelf where s.name is null`,
  );
  await client.query('commit');
  return [Number(rows[0]?.dangling ?? 0), Number(children.rows[0]?.orphans ?? 0)];
}
