/**
 * The waits for outcomes of writes. Each ends with the outcome, or at its limit with a cancellation that decides the
 * write for good. All routes of a node share it.
 */
import { SluiceError, type ErrorCode, type Outcome, type Write } from '#protocol';
import { DatabaseError, type PoolUsage } from '#store';
import type { Cancellations } from './cancellations.ts';
import { Waiter, type Submitter } from './waiter.ts';

interface WaitsOptions {
  cancellations: Cancellations;
  onError: (error: unknown, doing: string) => void;
}

export class Waits {
  readonly #options: WaitsOptions;
  readonly #waiters = new Map<string, Waiter[]>();
  /** Writes that were read without a result: each waits for something. */
  readonly #slow = new Set<string>();

  constructor(options: WaitsOptions) {
    this.#options = options;
  }

  /** Writes that a request waits for. */
  get writes(): number {
    return this.#waiters.size;
  }

  /** Writes whose outcome may come at any moment. */
  get writesOnTheirWay(): number {
    return this.#waiters.size - this.#slow.size;
  }

  get usage(): PoolUsage {
    return this.#options.cancellations.usage;
  }

  has(writeId: string): boolean {
    return this.#waiters.has(writeId);
  }

  ids(): Iterable<string> {
    return this.#waiters.keys();
  }

  /** Waits for the outcome of a write of this node; {@link Route.send} then takes the write further. */
  begin(write: Write, waitMs: number, signal?: AbortSignal): Submitter {
    return this.#add(new Waiter(this, write.writeId, write), waitMs, signal) as Submitter;
  }

  /** Waits for a write that was submitted before, with the same idempotency key. */
  join(writeId: string, waitMs: number, signal?: AbortSignal): Promise<Outcome> {
    return this.#add(new Waiter(this, writeId, null), waitMs, signal).outcome;
  }

  #add(waiter: Waiter, waitMs: number, signal?: AbortSignal): Waiter {
    const end = (): void => void this.#end(waiter);
    waiter.deadline = setTimeout(end, signal?.aborted === true ? 0 : waitMs);
    if (signal !== undefined) waiter.endAt(signal, end);
    const others = this.#waiters.get(waiter.writeId);
    if (others === undefined) this.#waiters.set(waiter.writeId, [waiter]);
    else others.push(waiter);
    return waiter;
  }

  resolve(outcome: Outcome): void {
    for (const waiter of this.#take(outcome.writeId)) waiter.resolve(outcome);
  }

  reject(writeId: string, error: Error): void {
    for (const waiter of this.#take(writeId)) waiter.reject(error);
  }

  /** Removes and returns the waiters of a write, which is answered now. */
  #take(writeId: string): readonly Waiter[] {
    const waiters = this.#waiters.get(writeId);
    this.#waiters.delete(writeId);
    this.#slow.delete(writeId);
    return waiters ?? [];
  }

  /** The waiter that submitted the write on this node, if it still waits. */
  submitterOf(writeId: string): Submitter | null {
    return this.#waiters.get(writeId)?.find((waiter) => waiter.isSubmitter()) ?? null;
  }

  /** Whether the waits of all these writes have ended. */
  areEnding(writeIds: readonly string[]): boolean {
    return writeIds.every((writeId) => this.submitterOf(writeId)?.isEnding === true);
  }

  /** Writes in the intake that were not read for this long. They count as read from now on. */
  due(intervalMs: number): string[] {
    const now = performance.now();
    const due: string[] = [];
    for (const waiters of this.#waiters.values()) {
      for (const waiter of waiters) {
        if (!waiter.isInserted || waiter.lookedAt + intervalMs > now) continue;
        waiter.lookedAt = now;
        this.#slow.add(waiter.writeId);
        due.push(waiter.writeId);
      }
    }
    return due;
  }

  /** Ends all waits, as at their limits. */
  endAll(): void {
    for (const waiters of this.#waiters.values()) for (const waiter of waiters) void this.#end(waiter);
  }

  async #end(waiter: Waiter): Promise<void> {
    if (waiter.isEnding) return;
    waiter.isEnding = true;
    // The batch that has the write decides it, or returns it to be cancelled.
    if (!waiter.isUnderWay) await this.cancel(waiter);
  }

  /** Cancels a write that is in no batch of this node and not sent again; it gets its final outcome. */
  async cancel(waiter: Waiter): Promise<void> {
    const { writeId } = waiter;
    if (!waiter.isSubmitter()) {
      // A write of another node: this node does not decide it.
      this.#forget(waiter);
      return waiter.reject(outcomeUnknown(writeId));
    }
    const reason = waiter.route?.withdraw(waiter) ?? null;
    if (reason !== null && !waiter.wasSent)
      return this.reject(writeId, waiter.isAborted ? new SluiceError('cancelled') : reason);
    try {
      this.resolve(await this.#options.cancellations.cancel(waiter.write));
    } catch (error) {
      this.#options.onError(error, 'cancel a write');
      this.reject(writeId, waiter.wasSent ? outcomeUnknown(writeId, error) : notApplied(error));
    }
  }

  #forget(waiter: Waiter): void {
    const others = this.#waiters.get(waiter.writeId)?.filter((each) => each !== waiter) ?? [];
    if (others.length === 0) this.#take(waiter.writeId);
    else this.#waiters.set(waiter.writeId, others);
  }

  /** Answers all remaining waits without a query. */
  abandonAll(): void {
    for (const [writeId, waiters] of this.#waiters) {
      const isCertain = waiters.every(({ write, wasSent, isUnderWay }) => write && !wasSent && !isUnderWay);
      this.reject(writeId, isCertain ? new SluiceError('database_unavailable') : outcomeUnknown(writeId));
    }
  }

  /** Resolves when all present waits have ended. */
  async over(): Promise<void> {
    const waiters = [...this.#waiters.values()].flat();
    await Promise.allSettled(waiters.map(({ outcome }) => outcome));
  }

  async close(): Promise<void> {
    await this.#options.cancellations.close();
  }
}

function outcomeUnknown(writeId: string, cause?: unknown): SluiceError {
  return new SluiceError('outcome_unknown', undefined, { detail: { writeId }, cause });
}

/** The answer to a write that no commit can have applied, from the error of the database. */
export function notApplied(cause: unknown): SluiceError {
  let code: ErrorCode = 'database_unavailable';
  if (cause instanceof DatabaseError && cause.isTransient) code = 'cancelled';
  if (cause instanceof DatabaseError && cause.sqlState === '53100') code = 'storage_full';
  return new SluiceError(code, undefined, { retryAfterSeconds: 1, cause });
}
