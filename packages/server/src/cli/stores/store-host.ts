/** The data stores of a process: opens each at its first use, closes it when idle, and follows the stores file. */
import type { StoreCount, UseKind } from '#api';
import { FailureLog, SluiceError } from 'sluice/internal/protocol';
import type { Logger } from 'pino';
import type { Client } from './shared-wait.ts';
import { Outdated, StoreSlot, type Opened, type StoreSlotOptions, type StoreState } from './store-slot.ts';
import type { Store, Stores } from './stores-file.ts';
import { Turns } from './turns.ts';
import { watchStoresFile } from './watch-stores-file.ts';

export interface StoreHostOptions<T> {
  /** The stores file; it is read again when it changes. */
  file: string;
  /** @throws {SluiceError} `configuration_invalid` */
  readStores: () => Stores;
  open: (store: Store, logger: Logger) => Promise<T>;
  idleMs: number;
  /** Most open stores. For another one, the store that was unused for longest is closed. */
  openMax: number;
  /** Holds requests back while a store is moved, and closes it. @default false: it goes on until the store has moved */
  holdsMoving?: boolean;
  logger: Logger;
  /** Called after the file was read again. */
  onReload?: () => void;
}

/** Checks for idle stores in the time after which a store counts as idle. */
const looksPerIdle = 6;
const longestLookMs = 10_000;
/**
 * Per server, so that one without an answer delays only its own stores, and a stuck store delays those for a short time. Stores
 * whose last opening failed have places of their own, because many of them would fill those of all stores.
 */
const openings = { atOnce: 4, placeMs: 2000, waitMs: 10_000 };
/** A writer uses a store that a node has open several times a second. */
const unusedMs = 1000;

export class StoreHost<T extends Opened> {
  readonly #options: StoreHostOptions<T>;
  readonly #slots = new Map<string, StoreSlot<T>>();
  #stores: Stores;
  readonly #turns = new Turns(openings);
  readonly #retiring = new Set<Promise<void>>();
  readonly #timer: NodeJS.Timeout;
  readonly #unwatch: () => void;

  /** @throws {SluiceError} `configuration_invalid` if the stores file cannot be used */
  constructor(options: StoreHostOptions<T>) {
    this.#options = options;
    this.#stores = options.readStores();
    this.#fillSlots();
    const lookMs = Math.min(longestLookMs, options.idleMs / looksPerIdle);
    this.#timer = setInterval(() => {
      for (const slot of this.#slots.values()) void slot.closeIfIdle();
    }, lookMs);
    this.#timer.unref();
    this.#unwatch = watchStoresFile(options.file, () => this.reload());
  }

  get stores(): Stores {
    return this.#stores;
  }

  get slots(): ReadonlyMap<string, StoreSlot<T>> {
    return this.#slots;
  }

  get opened(): T[] {
    return [...this.#slots.values()].flatMap(({ opened }) => (opened === null ? [] : [opened]));
  }

  /** Number of stores by state. */
  get counts(): Record<StoreState, number> {
    const counts = { asleep: 0, opening: 0, open: 0, failed: 0, held: 0 };
    for (const { state } of this.#slots.values()) counts[state] += 1;
    return counts;
  }

  /** For the server in front of the stores. */
  get front(): { isAsleep: (name: string) => boolean; count: () => StoreCount; names: () => string[] } {
    return {
      isAsleep: (name) => ['asleep', 'held'].includes(this.#slots.get(name)?.state ?? ''),
      count: () => ({ stores: this.#slots.size, open: this.counts.open, failed: this.counts.failed }),
      names: () => [...this.#slots.keys()],
    };
  }

  /** @throws {SluiceError} `endpoint_not_found` */
  slot(name: string): StoreSlot<T> {
    const slot = this.#slots.get(name);
    if (slot === undefined) throw new SluiceError('endpoint_not_found', 'No data store has this name.');
    return slot;
  }

  /**
   * Opens a store if needed, once it is not held.
   * @throws {SluiceError} if it cannot be used now
   * @throws {ClientLeft}
   */
  async use(name: string, kind: UseKind, client?: Client): Promise<{ value: T; release: () => void }> {
    // Another slot may replace it while it is held.
    for (let slot = this.slot(name); ; slot = this.slot(name)) {
      await slot.held(client);
      if (slot !== this.#slots.get(name)) continue;
      try {
        return await slot.use(kind, client);
      } catch (error) {
        if (!(error instanceof Outdated)) throw error;
      }
    }
  }

  /** Reads the stores file again. An unusable file changes nothing, and the reason is logged. */
  reload(): void {
    const { logger, readStores, onReload } = this.#options;
    try {
      this.#stores = readStores();
    } catch (error) {
      const { message } = error as Error;
      return logger.error({ message }, 'keeps its stores because the stores file cannot be used');
    }
    this.#fillSlots();
    logger.info('has read the stores file');
    onReload?.();
  }

  /** Opens slots for new or changed stores, and closes those of removed or changed ones. */
  #fillSlots(): void {
    for (const [name, slot] of this.#slots) {
      if (isSame(this.#stores.get(name), slot.store)) continue;
      this.#slots.delete(name);
      this.#retire(slot);
    }
    const { open, idleMs, logger, holdsMoving = false } = this.#options;
    for (const store of this.#stores.values()) {
      const known = this.#slots.get(store.name);
      if (known !== undefined) {
        if (holdsMoving && store.isMoving) known.hold();
        else known.endHold();
        continue;
      }
      const log = logger.child({ store: store.name });
      const failures = new FailureLog(log);
      const onError = (error: unknown, doing: string): void => failures.note(error, doing);
      const makeRoom = (): Promise<void> => this.#makeRoom(store.name);
      const inTurn: StoreSlotOptions<T>['inTurn'] = (work, { isDoubtful, signal }) =>
        this.#turns.run(JSON.stringify([store.server, isDoubtful]), work, signal);
      const slot = new StoreSlot({ store, inTurn, open: () => open(store, log), idleMs, makeRoom, onError });
      if (holdsMoving && store.isMoving) slot.hold();
      this.#slots.set(store.name, slot);
    }
  }

  /** @throws {SluiceError} `overloaded` if all open stores are in use */
  async #makeRoom(name: string): Promise<void> {
    const { openMax } = this.#options;
    const others = (): number =>
      [...this.#slots.values()].filter(({ takesPlace, store }) => takesPlace && store.name !== name).length;
    while (others() >= openMax) {
      const byUse = [...this.#slots.values()].sort((one, other) => one.usedAt - other.usedAt);
      let isRoom = false;
      for (const slot of byUse)
        if (!isRoom) isRoom = await slot.closeIfIdle({ idleMs: unusedMs, isForPlace: true });
      if (!isRoom) throw new SluiceError('overloaded', undefined, { retryAfterSeconds: 1 });
    }
  }

  #retire(slot: StoreSlot<T>): void {
    const retired = slot.retire().finally(() => this.#retiring.delete(retired));
    this.#retiring.add(retired);
  }

  /** Closes every store. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#unwatch();
    for (const slot of this.#slots.values()) this.#retire(slot);
    await Promise.all(this.#retiring);
  }
}

/** A store that is being moved counts as unchanged until the file names its new place. */
function isSame(one: Store | undefined, other: Store): boolean {
  const placeOf = (store: Store): string => JSON.stringify({ ...store, isMoving: false });
  return one !== undefined && placeOf(one) === placeOf(other);
}
