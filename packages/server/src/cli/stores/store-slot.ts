/**
 * One data store in a process: asleep, or open with its own connections. The first user opens it, and it is closed
 * after a time without use. It affects no other store.
 */
import type { UseKind } from '#api';
import { settleWithin, SluiceError } from 'sluice/internal/protocol';
import { SharedWait, type Client } from './shared-wait.ts';
import type { Store } from './stores-file.ts';

/** An open store of a process. */
export interface Opened {
  /** Work is left that a close would interrupt or delay. If it throws, the store is open until another needs its place. */
  isBusy(): boolean | Promise<boolean>;
  /** Finishes work under way, within a limited time. */
  close(): Promise<void>;
}

export interface StoreSlotOptions<T> {
  store: Store;
  /** Runs `open` when it may begin. @throws {Error} if that takes too long, or `signal` aborts before it */
  inTurn: (work: () => Promise<T>, how: { isDoubtful: boolean; signal: AbortSignal }) => Promise<T>;
  open: () => Promise<T>;
  /** Milliseconds without use after which it is closed. */
  idleMs: number;
  /**
   * Called before `open`, and again after it, because other stores open meanwhile.
   * @throws {SluiceError} `overloaded` if another store cannot be open now
   */
  makeRoom: () => Promise<void>;
  onError: (error: unknown, doing: string) => void;
}

/** The store was held or retired before its turn to open came: ask again for it. */
export class Outdated extends Error {}

export type StoreState = 'asleep' | 'opening' | 'open' | 'failed' | 'held';

/** A store that could not be opened refuses requests for this long. */
const retryMs = 1000;
/** Longest wait of a request for a held store. */
const holdMaxMs = 60_000;

export class StoreSlot<T extends Opened> {
  readonly store: Store;
  readonly #options: StoreSlotOptions<T>;
  #opened: T | null = null;
  #opening: SharedWait<T> | null = null;
  /** It has its connections, and other stores are closed for them. */
  #isPlaced = false;
  #closing: Promise<void> | null = null;
  #users = 0;
  /** Of the users. */
  #streams = 0;
  #usedAt = Number.NEGATIVE_INFINITY;
  #failure: { error: SluiceError; until: number } | null = null;
  /** Its last opening failed, or has not ended. */
  #isDoubtful = false;
  readonly #retired = new AbortController();
  /** Users wait for the end of this. */
  #hold: { ended: SharedWait<void>; end: () => void } | null = null;

  constructor(options: StoreSlotOptions<T>) {
    this.store = options.store;
    this.#options = options;
  }

  get state(): StoreState {
    if (this.#opened !== null) return 'open';
    if (this.#hold !== null) return 'held';
    if (this.#failure !== null) return 'failed';
    return this.#opening === null ? 'asleep' : 'opening';
  }

  /** Whether it counts as open. A store that opens does not: with a server that does not answer, that takes long. */
  get takesPlace(): boolean {
    return this.#opened !== null || this.#isPlaced;
  }

  get opened(): T | null {
    return this.#opened;
  }

  /** By `performance.now()`. */
  get usedAt(): number {
    return this.#usedAt;
  }

  /**
   * Opens the store if needed, and keeps it open until `release`.
   * @param client Nobody waits for a client that has left.
   * @throws {SluiceError} if it cannot be opened now
   * @throws {Outdated}
   * @throws {ClientLeft}
   */
  async use(kind: UseKind = 'request', client?: Client): Promise<{ value: T; release: () => void }> {
    if (this.#retired.signal.aborted)
      throw new SluiceError('stopping', 'This node no longer serves this store.');
    if (this.#failure !== null && performance.now() < this.#failure.until) throw this.#failure.error;
    const streams = kind === 'stream' ? 1 : 0;
    this.#users += 1;
    this.#streams += streams;
    const release = (): void => {
      this.#users -= 1;
      this.#streams -= streams;
      if (kind !== 'probe') this.#usedAt = performance.now();
      if (this.#hold !== null) this.#letGo();
    };
    try {
      return { value: this.#opened ?? (await this.#awaitOpen(client)), release };
    } catch (error) {
      release();
      throw error;
    }
  }

  #awaitOpen(client: Client | undefined): Promise<T> {
    this.#opening ??= new SharedWait(this.#open().finally(() => (this.#opening = null)));
    return this.#opening.join(client);
  }

  /** From now on users wait in `held`. Requests finish, and then the store is closed, which ends its streams. */
  hold(): void {
    if (this.#hold !== null) return;
    let end!: () => void;
    const ended = new Promise<void>((resolve) => (end = resolve));
    this.#hold = { ended: new SharedWait(ended), end };
    this.#letGo();
  }

  endHold(): void {
    this.#hold?.end();
    this.#hold = null;
  }

  #letGo(): void {
    if (this.#users === this.#streams) void this.close();
  }

  /**
   * Resolves when the store is not held.
   * @throws {SluiceError} if that takes too long
   * @throws {ClientLeft}
   */
  async held(client?: Client): Promise<void> {
    if (this.#hold === null) return;
    const ended = this.#hold.ended.join(client);
    if (await settleWithin([ended], holdMaxMs)) return ended;
    throw new SluiceError('database_unavailable', 'This data store is being moved.', {
      retryAfterSeconds: 1,
    });
  }

  async #open(): Promise<T> {
    await this.#closing;
    try {
      const { signal } = this.#retired;
      const inTurn = async (): Promise<T> => {
        await this.#options.makeRoom();
        if (this.#hold !== null || signal.aborted) throw new Outdated();
        this.#isDoubtful = true;
        const opened = await this.#options.open();
        this.#isDoubtful = false;
        return this.#place(opened);
      };
      const opened = await this.#options.inTurn(inTurn, { isDoubtful: this.#isDoubtful, signal });
      this.#failure = null;
      this.#usedAt = performance.now();
      this.#opened = opened;
      // The clients that wanted it may have left meanwhile.
      if (this.#hold !== null) this.#letGo();
      return opened;
    } catch (cause) {
      if (this.#retired.signal.aborted) throw new Outdated();
      if (cause instanceof Outdated || isNoRoom(cause)) throw cause;
      this.#options.onError(cause, 'open the store');
      const error = refusalOf(cause);
      this.#failure = { error, until: performance.now() + retryMs };
      throw error;
    } finally {
      this.#isPlaced = false;
    }
  }

  /** @throws {SluiceError} `overloaded` if others have taken the last place while it opened */
  async #place(opened: T): Promise<T> {
    this.#isPlaced = true;
    try {
      await this.#options.makeRoom();
      return opened;
    } catch (error) {
      await opened.close().catch((failure: unknown) => this.#options.onError(failure, 'close the store'));
      throw error;
    }
  }

  /**
   * Closes it if it was unused for long enough and has no work left. Returns whether it did.
   * @param options.isForPlace Another store needs its place.
   */
  async closeIfIdle({ idleMs = this.#options.idleMs, isForPlace = false } = {}): Promise<boolean> {
    const isIdle = (): boolean => this.#users === 0 && performance.now() - this.#usedAt >= idleMs;
    const opened = this.#opened;
    if (opened === null || !isIdle()) return false;
    try {
      if (await opened.isBusy()) return false;
    } catch (error) {
      this.#options.onError(error, 'look for work of the store');
      // The server may be slow, or at its limit of connections, and the store may work with those that it has.
      if (!isForPlace) return false;
    }
    // A user may have come meanwhile.
    if (!isIdle() || this.#opened !== opened) return false;
    await this.close();
    return true;
  }

  /** Takes no more users, and closes: for a removed or changed store, and at the end of the process. */
  async retire(): Promise<void> {
    this.#retired.abort();
    this.endHold();
    await this.#opening?.work.catch(() => undefined);
    await this.close();
  }

  /** Closes it now, even in use. The next user opens it again. */
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

function isNoRoom(cause: unknown): boolean {
  return cause instanceof SluiceError && cause.code === 'overloaded';
}

/** A fault of the database of a store concerns that store only, and may pass soon. */
function refusalOf(cause: unknown): SluiceError {
  const reason = 'This node cannot use the database of this data store now.';
  const retryAfterSeconds = Math.ceil(retryMs / 1000);
  return new SluiceError('database_unavailable', reason, { cause, retryAfterSeconds });
}
