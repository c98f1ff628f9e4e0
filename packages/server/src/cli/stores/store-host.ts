/** The data stores of a process: opens each when it is first used, closes it when it is idle, and follows the stores file. */
import type { StoreCount } from '#api';
import { FailureLog, SluiceError } from 'sluice/internal/protocol';
import type { Logger } from 'pino';
import { StoreSlot, type Opened, type StoreState } from './store-slot.ts';
import type { Store, Stores } from './stores-file.ts';

export interface StoreHostOptions<T> {
  /** @throws {SluiceError} `configuration_invalid` */
  readStores: () => Stores;
  open: (store: Store, logger: Logger) => Promise<T>;
  idleMs: number;
  logger: Logger;
  /** After the file was read again. */
  onReload?: () => void;
}

/** Looks for idle stores this often within the time after which they count as idle. */
const looksPerIdle = 6;
const longestLookMs = 10_000;

export class StoreHost<T extends Opened> {
  readonly #options: StoreHostOptions<T>;
  readonly #slots = new Map<string, StoreSlot<T>>();
  #stores: Stores;
  readonly #retiring = new Set<Promise<void>>();
  readonly #timer: NodeJS.Timeout;

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

  /** Stores by their state. */
  get counts(): Record<StoreState, number> {
    const counts = { asleep: 0, opening: 0, open: 0, failed: 0 };
    for (const { state } of this.#slots.values()) counts[state] += 1;
    return counts;
  }

  /** What the server in front of the stores asks about them. */
  get front(): { isAsleep: (name: string) => boolean; count: () => StoreCount; names: () => string[] } {
    return {
      isAsleep: (name) => this.#slots.get(name)?.state === 'asleep',
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

  /** Reads the stores file again. A file that cannot be used changes nothing, and the log says why. */
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

  /** Stores that are new or changed get a slot; those that are gone or changed are closed. */
  #fillSlots(): void {
    for (const [name, slot] of this.#slots) {
      if (isSame(this.#stores.get(name), slot.store)) continue;
      this.#slots.delete(name);
      this.#retire(slot);
    }
    const { open, idleMs, logger } = this.#options;
    for (const store of this.#stores.values()) {
      if (this.#slots.has(store.name)) continue;
      const log = logger.child({ store: store.name });
      const failures = new FailureLog(log);
      const onError = (error: unknown, doing: string): void => failures.note(error, doing);
      this.#slots.set(store.name, new StoreSlot({ store, open: () => open(store, log), idleMs, onError }));
    }
  }

  #retire(slot: StoreSlot<T>): void {
    const retired = slot.retire().finally(() => this.#retiring.delete(retired));
    this.#retiring.add(retired);
  }

  /** Closes every store. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    for (const slot of this.#slots.values()) this.#retire(slot);
    await Promise.all(this.#retiring);
  }
}

function isSame(one: Store | undefined, other: Store): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
