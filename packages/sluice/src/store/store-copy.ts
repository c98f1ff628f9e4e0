/**
 * Copies the rows of one deployment into an empty one of another database, by COPY, in one transaction on each side.
 * Nothing of the copy is visible before `commit`. The caller ensures that no process writes into the source
 * meanwhile.
 */
import { SluiceError } from '#protocol';
import type pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { reduceError } from './database-error.ts';
import { connectToMove, lockMove } from './move-session.ts';
import { query } from './queries.ts';
import { quotedName } from './quoted-name.ts';
import type { Row } from './session.ts';

export interface CopyProgress {
  table: string;
  /** Number of finished tables. */
  done: number;
  tables: number;
  bytes: number;
}

export interface CopiedTable {
  table: string;
  rows: number;
}

interface Table {
  name: string;
  columns: string[];
}

/** Tables about processes and migrations, which each database fills itself. */
const ofTheDatabase = new Set(['lane_retry', 'lease_session', 'migration', 'process_clock', 'writer']);
/** Tables in which migrations and the first process insert rows; those of the source replace them. */
const replaced = new Set(['lane', 'projection', 'setting']);
/** Columns of a lane that stay valid in another database. */
const laneColumns = ['lane', 'term', 'paused_at', 'paused_by', 'suspect_since', 'tried', 'trials'];
/** First, because triggers check that aliases have documents, and references have aliases. */
const firstTables = ['document', 'alias', 'reference'];

export class StoreCopy {
  readonly #from: pg.Client;
  readonly #to: pg.Client;
  readonly #urls: readonly string[];
  readonly #schema: string;
  #tables: Table[] = [];
  #stopping: Promise<void> | null = null;

  private constructor(from: pg.Client, to: pg.Client, urls: readonly string[], schema: string) {
    this.#from = from;
    this.#to = to;
    this.#urls = urls;
    this.#schema = schema;
  }

  /**
   * Connects to both databases. No other session can move the source while it is open.
   * @throws {SluiceError} `configuration_invalid` if another session moves it, or if the target is not empty
   */
  static async open(from: string, to: string, schema: string): Promise<StoreCopy> {
    const source = await connectToMove(from);
    const target = await connectToMove(to).catch(async (error: unknown) => {
      await source.end().catch(() => undefined);
      throw error;
    });
    const copy = new StoreCopy(source, target, [from, to], schema);
    try {
      await copy.#prepare();
      return copy;
    } catch (error) {
      await copy.close();
      throw reduceError(error, 'move');
    }
  }

  async #prepare(): Promise<void> {
    if (!(await lockMove(this.#from, this.#schema))) throw refusal('another command is moving it');
    if (!(await lockMove(this.#to, this.#schema))) throw refusal('another command uses the target');
    const tables = await this.#tablesOf(this.#from);
    const there = await this.#tablesOf(this.#to);
    for (const { name, columns } of tables) {
      const same = there.find((other) => other.name === name);
      if (same !== undefined && same.columns.join() === columns.join()) continue;
      throw refusal(
        `its table ${name} is not the same at the target: run \`sluice migrate\` on both, or move it by pg_dump`,
      );
    }
    for (const table of tables) {
      if (replaced.has(table.name)) continue;
      const { rows } = await this.#to.query(`select from ${this.#nameOf(table)} limit 1`);
      if (rows.length > 0) throw refusal(`the target is not empty: there are rows in ${table.name}`);
    }
    this.#tables = [
      ...firstTables.flatMap((name) => tables.filter((table) => table.name === name)),
      ...tables.filter(({ name }) => !firstTables.includes(name)),
    ];
  }

  async #tablesOf(client: pg.Client): Promise<Table[]> {
    const { rows } = await client.query<Table>(query('listStoreTables', this.#schema).text);
    return rows
      .filter(({ name }) => !ofTheDatabase.has(name))
      .map(({ name, columns }) => ({ name, columns: name === 'lane' ? laneColumns : columns }));
  }

  /** Copies every row of one snapshot of the source, and sets sequences to their values there. */
  copy(onProgress: (progress: CopyProgress) => void): Promise<void> {
    return this.#guard(async () => {
      await this.#from.query('begin isolation level repeatable read read only');
      await this.#to.query('begin isolation level read committed');
      for (const [done, table] of this.#tables.entries()) {
        if (replaced.has(table.name)) await this.#to.query(`delete from ${this.#nameOf(table)}`);
        await this.#copyTable(table, (bytes) =>
          onProgress({ table: table.name, done, tables: this.#tables.length, bytes }),
        );
      }
      for (const { name, last_value: last } of await this.#sequencesOf(this.#from))
        if (last !== null) await this.run('setStoreSequence', [name, last]);
    });
  }

  async #copyTable(table: Table, onBytes: (bytes: number) => void): Promise<void> {
    let bytes = 0;
    onBytes(0);
    const count = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        onBytes((bytes += chunk.length));
        done(null, chunk);
      },
    });
    const columns = table.columns.map((column) => quotedName(column)).join(', ');
    await pipeline(
      this.#from.query(copyTo(`copy ${this.#nameOf(table)} (${columns}) to stdout`)),
      count,
      this.#to.query(copyFrom(`copy ${this.#nameOf(table)} (${columns}) from stdin`)),
    );
  }

  /**
   * Compares number and contents of all rows, and the values of sequences.
   * @throws {SluiceError} `internal` for a difference
   */
  verify(): Promise<CopiedTable[]> {
    return this.#guard(async () => {
      const copied: CopiedTable[] = [];
      for (const table of this.#tables) {
        const [source, target] = await Promise.all([
          this.#sum(this.#from, table),
          this.#sum(this.#to, table),
        ]);
        if (source.rows !== target.rows || source.hash !== target.hash) {
          const counts = `number of rows at the source ${source.rows}, at the target ${target.rows}`;
          throw refusal(`the copy of ${table.name} differs: ${counts}`, 'internal');
        }
        copied.push({ table: table.name, rows: Number(source.rows) });
      }
      const [mine, theirs] = [await this.#sequencesOf(this.#from), await this.#sequencesOf(this.#to)];
      if (JSON.stringify(mine) !== JSON.stringify(theirs))
        throw refusal('a sequence of the copy has another value', 'internal');
      return copied;
    });
  }

  async #sum(client: pg.Client, table: Table): Promise<{ rows: string; hash: string }> {
    const columns = table.columns.map((column) => `t.${quotedName(column)}`).join(', ');
    const { rows } = await client.query<{ rows: string; hash: string }>(
      `select count(*)::text as rows, coalesce(sum(hashtextextended(row(${columns})::text, 0)), 0)::text as hash
       from ${this.#nameOf(table)} t`,
    );
    return rows[0]!;
  }

  async #sequencesOf(client: pg.Client): Promise<{ name: string; last_value: number | null }[]> {
    const { text } = query('listStoreSequences', this.#schema);
    return (await client.query<{ name: string; last_value: number | null }>(text)).rows;
  }

  /** Runs a named statement at the target, in the transaction of the copy. */
  async run(name: string, values: readonly unknown[] = []): Promise<Row[]> {
    return this.#guard(
      async () => (await this.#to.query<Row>(query(name, this.#schema).text, [...values])).rows,
    );
  }

  /** @throws {DatabaseError} also if the session at the source has ended, because another move may have begun there since */
  async commit(): Promise<void> {
    await this.#guard(async () => {
      await this.#from.query('commit');
      await this.#to.query('commit');
    });
  }

  /**
   * Ends both transactions without the copy, and with them their locks in the source.
   * @returns Whether its session at the source still lives, so that no other can have begun a move there
   */
  async rollBack(): Promise<boolean> {
    await this.#stopping;
    const [source] = await Promise.allSettled(
      [this.#from, this.#to].map((client) => client.query('rollback')),
    );
    return source?.status === 'fulfilled';
  }

  /** Ends both sessions, also during a statement, because that would keep its locks until it ends by itself. */
  stop(): Promise<void> {
    return (this.#stopping ??= this.#stop());
  }

  async #stop(): Promise<void> {
    const pids = [this.#from, this.#to].map(({ processID }: pg.Client & { processID?: number }) => processID);
    const ends = this.#urls.map(async (url, place) => {
      const client = await connectToMove(url);
      const { text } = query('endSession', this.#schema);
      await client.query(text, [pids[place]]).finally(() => void client.end());
    });
    await Promise.allSettled(ends);
    await this.close();
  }

  /** Rolls back what is not committed. */
  async close(): Promise<void> {
    await Promise.all([this.#from, this.#to].map((client) => client.end().catch(() => undefined)));
  }

  #nameOf({ name }: Table): string {
    return quotedName(this.#schema, name);
  }

  async #guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw reduceError(error, 'move');
    }
  }
}

function refusal(
  reason: string,
  code: 'configuration_invalid' | 'internal' = 'configuration_invalid',
): SluiceError {
  return new SluiceError(code, `Cannot move the store: ${reason}`);
}
