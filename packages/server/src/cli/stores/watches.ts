/** Watches the servers of a writer's stores, each separately, and keeps needed stores open. */
import { FailureLog } from 'sluice/internal/protocol';
import type { Logger } from 'pino';
import { ServerWatch } from './server-watch.ts';
import type { StoreHost } from './store-host.ts';
import type { Opened } from './store-slot.ts';
import type { Store } from './stores-file.ts';

export class Watches<T extends Opened> {
  readonly #host: StoreHost<T>;
  readonly #failures: FailureLog;
  /** Stores that stay closed, although they are needed. */
  readonly #except: ReadonlySet<string>;
  readonly #startedAt = performance.now();
  #watches: ServerWatch[] = [];

  constructor(host: StoreHost<T>, logger: Logger, except: ReadonlySet<string>) {
    this.#host = host;
    this.#failures = new FailureLog(logger);
    this.#except = except;
  }

  start(): void {
    const byServer = new Map<string, Store[]>();
    for (const store of this.#host.stores.values()) {
      const stores = byServer.get(store.server);
      if (stores === undefined) byServer.set(store.server, [store]);
      else stores.push(store);
    }
    this.#watches = [...byServer.values()].map((stores) => this.#watch(stores));
  }

  async stop(): Promise<void> {
    await Promise.all(this.#watches.map((watch) => watch.stop()));
  }

  #watch(stores: readonly Store[]): ServerWatch {
    return new ServerWatch({
      stores,
      isOpen: ({ name }) => this.#host.slots.get(name)?.opened !== null,
      openedAt: ({ name }) => Math.max(this.#startedAt, this.#host.slots.get(name)?.usedAt ?? 0),
      onNeeded: (names) => names.forEach((name) => void this.#keepOpen(name)),
      onError: (error, doing) => this.#failures.note(error, doing),
    });
  }

  /** Each need counts as a use, so the store stays open for a while after the last. */
  async #keepOpen(name: string): Promise<void> {
    const slot = this.#host.slots.get(name);
    if (slot === undefined || slot.state === 'opening' || this.#except.has(name)) return;
    try {
      const { release } = await slot.use();
      release();
    } catch {
      // The slot has logged it, and the next check tries again.
    }
  }
}
