/**
 * Tells a writer which sleeping stores of one PostgreSQL server need it. One connection for the whole server asks, some times
 * a second, in which databases nodes have sessions: a node that opens a store has some. And one store a second is looked into
 * for writes that wait although no node is connected. docs/stores.md tells why it is done so.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { Database, DatabaseError, nodeNameIn, reconnectDelayMs } from 'sluice/internal/store';
import type { Store } from './stores-file.ts';

export interface ServerWatchOptions {
  /** All of this server. */
  stores: readonly Store[];
  isOpen: (store: Store) => boolean;
  /** By `performance.now()`; the store was never open: when the process began. */
  openedAt: (store: Store) => number;
  /** Nodes have these stores open now, or work waits in them. */
  onNeeded: (stores: ReadonlySet<string>) => void;
  onError: (error: unknown, doing: string) => void;
}

const intervalMs = 200;
const answerTimeoutMs = 2000;
/** At the start all stores are looked into, so many at once; then one after the other, a second apart. */
const looksAtOnce = 4;
const lookPauseMs = 1000;
/** A store that slept for so long is opened once, so that what is past its retention is removed. */
const upkeepAfterMs = 6 * 3_600_000;
/** Stores that are opened for that, apart from each other. */
const upkeepPauseMs = 60_000;

export class ServerWatch {
  readonly #options: ServerWatchOptions;
  readonly #stop = new AbortController();
  readonly #running: Promise<unknown>;
  /** The store through whose database the server is asked; the next one, where that fails. */
  #index = 0;
  #upkeepAt = performance.now();

  constructor(options: ServerWatchOptions) {
    this.#options = options;
    this.#running = Promise.all([this.#watch(), this.#look()]);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  get #isStopped(): boolean {
    return this.#stop.signal.aborted;
  }

  async #watch(): Promise<void> {
    for (let failures = 0; !this.#isStopped;) {
      const { stores, onError } = this.#options;
      const store = stores[this.#index % stores.length]!;
      const database = openBriefly(store);
      try {
        for (;;) {
          this.#hear(await database.run('readNodeSessions', [], answerTimeoutMs));
          failures = 0;
          await this.#rest(intervalMs);
          if (this.#isStopped) break;
        }
      } catch (error) {
        onError(error, 'look for nodes');
        this.#index += 1;
        failures += 1;
      } finally {
        await database.close();
      }
      if (failures > 0) await this.#rest(reconnectDelayMs(failures));
    }
  }

  #hear(rows: readonly Record<string, unknown>[]): void {
    const sessions = new Set(rows.map((row) => keyOf(row['datname'], row['application_name'])));
    const needed = this.#options.stores.filter(({ database, schema }) => {
      const name = nodeNameIn(schema);
      return sessions.has(keyOf(database, name)) || sessions.has(keyOf(database, `${name} listener`));
    });
    this.#tell(needed);
  }

  #tell(needed: readonly Store[]): void {
    if (needed.length > 0 && !this.#isStopped)
      this.#options.onNeeded(new Set(needed.map(({ name }) => name)));
  }

  async #look(): Promise<void> {
    const { stores } = this.#options;
    const waiting = [...stores];
    const first = async (): Promise<void> => {
      for (let store = waiting.shift(); store !== undefined && !this.#isStopped; store = waiting.shift())
        await this.#lookInto(store);
    };
    await Promise.all(Array.from({ length: looksAtOnce }, first));
    for (let index = 0; !this.#isStopped; index = (index + 1) % stores.length) {
      await this.#rest(lookPauseMs);
      if (!this.#isStopped) await this.#lookInto(stores[index]!);
    }
  }

  async #lookInto(store: Store): Promise<void> {
    const { isOpen, openedAt, onError } = this.#options;
    if (isOpen(store)) return;
    const now = performance.now();
    if (now - openedAt(store) > upkeepAfterMs && now - this.#upkeepAt > upkeepPauseMs) {
      this.#upkeepAt = now;
      return this.#tell([store]);
    }
    try {
      if (await hasWork(store)) this.#tell([store]);
    } catch (error) {
      // A store that is not migrated yet has no work.
      if (!(error instanceof DatabaseError && ['42P01', '3F000'].includes(error.sqlState ?? '')))
        onError(error, 'check a sleeping store');
    }
  }

  async #rest(milliseconds: number): Promise<void> {
    await pause(milliseconds, undefined, { signal: this.#stop.signal }).catch(() => undefined);
  }
}

/** Whether writes wait in a store; asked on a connection that is made for it. */
export async function hasWork(store: Store): Promise<boolean> {
  const database = openBriefly(store);
  try {
    const [row] = await database.run('hasWork', [], answerTimeoutMs);
    return row?.['has_work'] === true;
  } finally {
    await database.close();
  }
}

function openBriefly({ url, schema }: Store): Database {
  return new Database({
    url,
    schema,
    applicationName: 'sluice watch',
    connectionsMax: 1,
    looksForPooler: true,
    connectTimeoutMs: 2000,
  });
}

function keyOf(database: unknown, application: unknown): string {
  return JSON.stringify([database, application]);
}
