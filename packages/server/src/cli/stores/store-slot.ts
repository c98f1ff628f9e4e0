/**
 * One data store in a process: asleep, or open with connections of its own. The first user opens it, and it is closed once
 * it was unused for a while. What happens here affects no other store.
 */
import { SluiceError } from 'sluice/internal/protocol';
import type { Store } from './stores-file.ts';

/** What a process has of an open store. */
export interface Opened {
  /** Work is left that a close would interrupt or delay. */
  isBusy(): boolean | Promise<boolean>;
  /** Finishes what is under way, within a bounded time. */
  close(): Promise<void>;
}

export interface StoreSlotOptions<T> {
  store: Store;
  open: (store: Store) => Promise<T>;
  /** Unused for so long, it is closed. */
  idleMs: number;
  onError: (error: unknown, doing: string) => void;
}

export type StoreState = 'asleep' | 'opening' | 'open' | 'failed';

/** A store that could not be opened refuses for so long before it is tried again. */
const retryMs = 1000;
/** Requests that wait for the same store to open. More are refused, so that one store does not fill the node's memory. */
const waitingMax = 1000;

export class StoreSlot<T extends Opened> {
  readonly store: Store;
  readonly #options: StoreSlotOptions<T>;
  #opened: T | null = null;
  #opening: Promise<T> | null = null;
  #closing: Promise<void> | null = null;
  #waiting = 0;
  #users = 0;
  #usedAt = Number.NEGATIVE_INFINITY;
  #failure: { error: SluiceError; until: number } | null = null;
  #isRetired = false;

  constructor(options: StoreSlotOptions<T>) {
    this.store = options.store;
    this.#options = options;
  }

  get state(): StoreState {
    if (this.#opened !== null) return 'open';
    if (this.#failure !== null) return 'failed';
    return this.#opening === null ? 'asleep' : 'opening';
  }

  get opened(): T | null {
    return this.#opened;
  }

  /** By `performance.now()`. */
  get usedAt(): number {
    return this.#usedAt;
  }

  /**
   * Opens it if need be, and keeps it open until `release`.
   * @param isProbe Does not count as a use: who only asks how it is keeps no store awake.
   * @throws {SluiceError} if it cannot be opened now
   */
  async use(isProbe = false): Promise<{ value: T; release: () => void }> {
    if (this.#isRetired) throw new SluiceError('stopping', 'This node no longer serves this store.');
    if (this.#failure !== null && performance.now() < this.#failure.until) throw this.#failure.error;
    this.#users += 1;
    const release = (): void => {
      this.#users -= 1;
      if (!isProbe) this.#usedAt = performance.now();
    };
    try {
      return { value: this.#opened ?? (await this.#awaitOpen()), release };
    } catch (error) {
      release();
      throw error;
    }
  }

  async #awaitOpen(): Promise<T> {
    if (this.#waiting >= waitingMax) throw new SluiceError('overloaded', undefined, { retryAfterSeconds: 1 });
    this.#waiting += 1;
    try {
      return await (this.#opening ??= this.#open().finally(() => (this.#opening = null)));
    } finally {
      this.#waiting -= 1;
    }
  }

  async #open(): Promise<T> {
    await this.#closing;
    try {
      const opened = await this.#options.open(this.store);
      this.#failure = null;
      this.#usedAt = performance.now();
      return (this.#opened = opened);
    } catch (cause) {
      this.#options.onError(cause, 'open the store');
      const error = refusalOf(cause);
      this.#failure = { error, until: performance.now() + retryMs };
      throw error;
    }
  }

  /** Closes it if it was unused for long enough and no work is left. */
  async closeIfIdle(): Promise<void> {
    const isIdle = (): boolean =>
      this.#users === 0 && performance.now() - this.#usedAt >= this.#options.idleMs;
    const opened = this.#opened;
    if (opened === null || !isIdle()) return;
    try {
      if (await opened.isBusy()) return;
    } catch (error) {
      return this.#options.onError(error, 'look for work of the store');
    }
    // Somebody may have come meanwhile.
    if (isIdle() && this.#opened === opened) await this.close();
  }

  /** Takes no more users, and closes: for a store that was removed or changed, and at the end of the process. */
  async retire(): Promise<void> {
    this.#isRetired = true;
    await this.#opening?.catch(() => undefined);
    await this.close();
  }

  /** Closes it now, although it may be in use. The next user opens it again. */
  close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = null;
    if (opened !== null) {
      this.#closing = opened
        .close()
        .catch((error: unknown) => this.#options.onError(error, 'close the store'))
        .finally(() => (this.#closing = null));
    }
    return this.#closing ?? Promise.resolve();
  }
}

/** What is wrong with the database of a store is wrong with that store only, and may be right again soon. */
function refusalOf(cause: unknown): SluiceError {
  return new SluiceError(
    'database_unavailable',
    'This node cannot use the database of this data store now.',
    {
      cause,
      retryAfterSeconds: Math.ceil(retryMs / 1000),
    },
  );
}
