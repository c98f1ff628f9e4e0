/**
 * Tells a writer which sleeping stores of one PostgreSQL server need it. A few times a second, one connection for the
 * whole server reads in which databases nodes have sessions; a node that opens a store has some. Once a second, one
 * store is checked for waiting writes without a node. docs/stores.md explains why.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { Database, DatabaseError, reconnectDelayMs } from 'sluice/internal/store';
import { openInNodes } from './node-sessions.ts';
import type { Store } from './stores-file.ts';

export interface ServerWatchOptions {
  /** All stores of this server. */
  stores: readonly Store[];
  isOpen: (store: Store) => boolean;
  /** By `performance.now()`; for a store that was never open, the start of the process. */
  openedAt: (store: Store) => number;
  /** Nodes have these stores open now, or writes wait in them. */
  onNeeded: (stores: ReadonlySet<string>) => void;
  onError: (error: unknown, doing: string) => void;
}

const intervalMs = 100;
/** While no store of the server sleeps, the read only keeps them open. */
const wideIntervalMs = 400;
const answerTimeoutMs = 2000;
/** At the start all stores are checked, this many concurrently; later one after the other, a second apart. */
const looksAtOnce = 4;
const lookPauseMs = 1000;
/** A store that slept for this long is opened once, so that retention runs. */
const upkeepAfterMs = 6 * 3_600_000;
/** Pause between stores that are opened for retention. */
const upkeepPauseMs = 60_000;

export class ServerWatch {
  readonly #options: ServerWatchOptions;
  readonly #stop = new AbortController();
  readonly #running: Promise<unknown>;
  /** The store whose database is used for queries to the server; after a failure, the next one. */
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
      const { stores, isOpen, onError } = this.#options;
      const store = stores[this.#index % stores.length]!;
      const database = openBriefly(store);
      try {
        for (;;) {
          this.#hear(await database.run('readNodeSessions', [], answerTimeoutMs));
          failures = 0;
          await this.#rest(stores.every(isOpen) ? wideIntervalMs : intervalMs);
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
    this.#tell(openInNodes(rows, this.#options.stores));
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
      // A store without migrations has no work.
      if (!(error instanceof DatabaseError && error.isOtherSchema)) onError(error, 'check a sleeping store');
    }
  }

  async #rest(milliseconds: number): Promise<void> {
    await pause(milliseconds, undefined, { signal: this.#stop.signal }).catch(() => undefined);
  }
}

/** Whether writes wait in a store; asked on a new connection. */
export async function hasWork(store: Store): Promise<boolean> {
  const database = openBriefly(store);
  try {
    const [row] = await database.run('hasWork', [], answerTimeoutMs);
    return row?.['has_work'] === true;
  } finally {
    await database.close();
  }
}

export function openBriefly({ url, schema }: Pick<Store, 'url' | 'schema'>): Database {
  return new Database({
    url,
    schema,
    applicationName: 'sluice watch',
    connectionsMax: 1,
    looksForPooler: true,
    connectTimeoutMs: 2000,
  });
}
