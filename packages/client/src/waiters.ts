/** Who waits for the outcome of which write: the one who submitted it, and those who asked with its idempotency key. */
import type { Outcome, Write } from '@sluice/protocol';

export interface Waiter {
  writeId: string;
  lane: number;
  /** Null: the write was submitted by another node, which sends it again if need be. */
  write: Write | null;
  /** The insert is confirmed: from now on, absence means that a crash took it. */
  isInserted: boolean;
  /** A commit of this node may settle it yet, although nobody finds it. */
  wasSent: boolean;
  /** When to look for it without a hint. */
  lookAt: number;
  lookedAt: number;
  /** Its time is up, or the node stops. */
  isEnding: boolean;
  resolve: (outcome: Outcome) => void;
  reject: (error: Error) => void;
}

export class Waiters {
  readonly #waiters = new Map<string, Set<Waiter>>();
  /** Writes that have been looked for already: each waits for something. */
  readonly #slow = new Set<string>();

  /** Writes that somebody waits for. */
  get writes(): number {
    return this.#waiters.size;
  }

  /** Those of which an outcome may come at any moment. */
  get writesOnTheirWay(): number {
    return this.#waiters.size - this.#slow.size;
  }

  has(writeId: string): boolean {
    return this.#waiters.has(writeId);
  }

  ids(): Iterable<string> {
    return this.#waiters.keys();
  }

  *all(): Iterable<Waiter> {
    for (const waiters of this.#waiters.values()) yield* waiters;
  }

  add(waiter: Waiter): void {
    const known = this.#waiters.get(waiter.writeId);
    if (known === undefined) this.#waiters.set(waiter.writeId, new Set([waiter]));
    else known.add(waiter);
  }

  /** Whoever submitted the write on this node and still waits. */
  submitterOf(writeId: string): (Waiter & { write: Write }) | null {
    for (const waiter of this.#waiters.get(writeId) ?? []) if (isSubmitter(waiter)) return waiter;
    return null;
  }

  /** Those of which it is time to look: since when they wait does not count where `isDeaf`, as no hints come then. */
  due(now: number, intervalMs: number, isDeaf: boolean): string[] {
    const due: string[] = [];
    for (const waiter of this.all()) {
      // What was to be looked for late, as hints would come, is looked for now that they do not.
      const lookAt = Math.min(waiter.lookAt, isDeaf ? waiter.lookedAt + intervalMs : Infinity);
      if (!waiter.isInserted || lookAt > now) continue;
      waiter.lookedAt = now;
      waiter.lookAt = now + intervalMs;
      due.push(waiter.writeId);
    }
    for (const writeId of due) this.#slow.add(writeId);
    return due;
  }

  finish(writeId: string, how: (waiter: Waiter) => void): void {
    const waiters = this.#waiters.get(writeId);
    if (waiters === undefined) return;
    this.#remove(writeId);
    waiters.forEach(how);
  }

  forget(waiter: Waiter): void {
    const waiters = this.#waiters.get(waiter.writeId);
    waiters?.delete(waiter);
    if (waiters?.size === 0) this.#remove(waiter.writeId);
  }

  /** Resolves when nobody of those who wait now does so any more. */
  async settled(): Promise<void> {
    await Promise.all([...this.all()].map(settledQuietly));
  }

  #remove(writeId: string): void {
    this.#waiters.delete(writeId);
    this.#slow.delete(writeId);
  }
}

function isSubmitter(waiter: Waiter): waiter is Waiter & { write: Write } {
  return waiter.write !== null;
}

/** Resolves when the waiter's promise would, whichever way. */
function settledQuietly(waiter: Waiter): Promise<void> {
  return new Promise((done) => {
    const { resolve, reject } = waiter;
    waiter.resolve = (outcome) => {
      resolve(outcome);
      done();
    };
    waiter.reject = (error) => {
      reject(error);
      done();
    };
  });
}
