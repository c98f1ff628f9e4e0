/** Counters of the server during a measurement. */
import pg from 'pg';

export interface DatabaseCounters {
  walBytes: number;
  /** Whole pages in the WAL: pages written for the first time since the checkpoint. */
  fullPages: number;
  flushes: number;
  commits: number;
}

export class CounterReader {
  readonly #client: pg.Client;

  constructor(client: pg.Client) {
    this.#client = client;
  }

  static async open(url: string): Promise<CounterReader> {
    const client = new pg.Client({ connectionString: url, application_name: 'sluice bench counters' });
    // Its queries report errors; without a listener, an error would end the program.
    client.on('error', () => undefined);
    await client.connect();
    return new CounterReader(client);
  }

  async read(): Promise<DatabaseCounters> {
    const { rows } = await this.#client.query<{
      wal: string;
      fpi: string;
      commits: string;
      flushes: string | null;
    }>(
      `select (pg_current_wal_insert_lsn() - '0/0')::text as wal, w.wal_fpi::text as fpi,
              (select xact_commit::text from pg_stat_database where datname = current_database()) as commits,
              (select sum(fsyncs)::text from pg_stat_io where object = 'wal') as flushes
       from pg_stat_wal w`,
    );
    const [row] = rows;
    return {
      walBytes: Number(row?.wal ?? 0),
      fullPages: Number(row?.fpi ?? 0),
      flushes: Number(row?.flushes ?? 0),
      commits: Number(row?.commits ?? 0),
    };
  }

  /** The newest document by its id, which begins with the time; the nil UUID: there is none. */
  async newestDocument(): Promise<string> {
    const { rows } = await this.#client.query<{ id: string }>(
      'select document_id as id from sluice.document order by document_id desc limit 1',
    );
    return rows[0]?.id ?? '00000000-0000-0000-0000-000000000000';
  }

  /** Number of documents that are newer. No clock is asked, because a node estimates that of the database. */
  async countDocuments(newerThan: string): Promise<number> {
    const { rows } = await this.#client.query<{ n: string }>(
      'select count(*)::text as n from sluice.document where document_id > $1',
      [newerThan],
    );
    return Number(rows[0]?.n ?? 0);
  }

  /** The column `n` of this statement's result. */
  async count(text: string): Promise<number> {
    const { rows } = await this.#client.query<{ n: string }>(text);
    return Number(rows[0]?.n ?? 0);
  }

  /** The clock of the database, as text. */
  async readClock(): Promise<string> {
    const { rows } = await this.#client.query<{ now: string }>('select clock_timestamp()::text as now');
    return rows[0]?.now ?? '';
  }

  /** Mean number of writes in a batch since then; null: there was none. */
  async writesPerBatch(since: string): Promise<number | null> {
    const { rows } = await this.#client.query<{ mean: number | null }>(
      `select (count(*)::float8 / nullif(count(distinct batch_id), 0)) as mean
       from sluice.outcome where settled_at >= $1::timestamptz`,
      [since],
    );
    const mean = rows[0]?.mean ?? null;
    return mean === null ? null : Number(mean.toPrecision(3));
  }

  async countLedLanes(): Promise<number> {
    const { rows } = await this.#client.query<{ n: string }>(
      'select count(*)::text as n from sluice.lane where writer_id is not null',
    );
    return Number(rows[0]?.n ?? 0);
  }

  /** Number of lanes of each session. */
  async countSharesOfLanes(): Promise<number[]> {
    const { rows } = await this.#client.query<{ n: number }>(
      'select count(*)::integer as n from sluice.lane where writer_id is not null group by session_pid',
    );
    return rows.map(({ n }) => n);
  }

  async countDeadInIntake(): Promise<number> {
    const { rows } = await this.#client.query<{ n: string }>(
      `select n_dead_tup::text as n from pg_stat_all_tables where relid = 'sluice.intake'::regclass`,
    );
    return Number(rows[0]?.n ?? 0);
  }

  get client(): pg.Client {
    return this.#client;
  }

  close(): Promise<void> {
    return this.#client.end();
  }
}

export function difference(after: DatabaseCounters, before: DatabaseCounters): DatabaseCounters {
  return {
    walBytes: after.walBytes - before.walBytes,
    fullPages: after.fullPages - before.fullPages,
    flushes: after.flushes - before.flushes,
    commits: after.commits - before.commits,
  };
}
