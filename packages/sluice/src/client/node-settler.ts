/**
 * Settles writes of its node from memory, without the intake. A policy decides when: always (`direct` mode), by count
 * and age (`local` mode), while the node is idle (the fast path), or if a lane takes none (the bypass).
 */
import type { Outcome, SluiceError, Write } from '#protocol';
import { waitsForLock } from '#batch';
import type { DatabaseError, PoolUsage } from '#store';
import { BatchAttempts, type BatchAttemptsOptions } from './batch-attempts.ts';
import { Retries } from './retries.ts';
import { takeFront } from './take-front.ts';
import { VainTries } from './vain-tries.ts';
import type { Route, Submitter } from './waiter.ts';
import { notApplied } from './waits.ts';

interface NodeSettlerOptions extends BatchAttemptsOptions {
  /** The route for writes that one try has left. Null: they are tried again here. */
  next: Route | null;
  pollIntervalMs: number;
}

export class NodeSettler implements Route {
  readonly #options: NodeSettlerOptions;
  readonly #attempts: BatchAttempts;
  #queue: Submitter[] = [];
  readonly #batches = new Set<Promise<void>>();
  #writesUnderWay = 0;
  #isBeginning = false;
  #delay: NodeJS.Timeout | null = null;
  #restTimer: NodeJS.Timeout | null = null;
  readonly #retries: Retries;
  readonly #vainTries = new VainTries();

  constructor(options: NodeSettlerOptions) {
    this.#options = options;
    this.#attempts = new BatchAttempts(options);
    this.#retries = new Retries(options.pollIntervalMs, (waiters) => this.#sendFirst(waiters));
  }

  /** Why the database takes no batches, as far as is known; it is tried again until it does. Null: it takes them. */
  get trouble(): DatabaseError | null {
    return this.#attempts.trouble.error;
  }

  get pools(): Record<string, PoolUsage> {
    return { [this.#options.policy.pool]: this.#attempts.usage };
  }

  /** Writes that it has, without those that rest. */
  get writes(): number {
    return this.#queue.length + this.#writesUnderWay;
  }

  /** False: the last try failed, so the next comes after a pause. */
  get isOpen(): boolean {
    return this.writes > 0 || !this.#vainTries.isPausing;
  }

  start(): void {
    this.#restTimer = setInterval(() => {
      this.#retries.end();
      // Otherwise no code would notice that it has ended.
      if (this.trouble !== null && this.#isFree && this.writes === 0) this.#follow(this.#attempts.probe());
      this.#work();
    }, this.#options.pollIntervalMs);
  }

  async stop(): Promise<void> {
    if (this.#restTimer !== null) clearInterval(this.#restTimer);
    if (this.#delay !== null) clearTimeout(this.#delay);
    await Promise.all(this.#batches);
    await this.#attempts.close();
  }

  submit(write: Write, waitMs: number, signal?: AbortSignal): Promise<Outcome> {
    const waiter = this.#options.waits.begin(write, waitMs, signal);
    this.send(waiter);
    return waiter.outcome;
  }

  send(waiter: Submitter): void {
    waiter.route = this;
    this.#queue.push(waiter);
    this.#work();
  }

  /** These have waited longer than those in the queue. */
  #sendFirst(waiters: readonly Submitter[]): void {
    this.#queue.unshift(...waiters);
    this.#work();
  }

  withdraw(waiter: Submitter): SluiceError | null {
    this.#queue = this.#queue.filter((queued) => queued !== waiter);
    this.#retries.leave(waiter);
    return this.trouble === null ? null : notApplied(this.trouble);
  }

  /** Starts batches; if a batch may have several writes, then with all of this turn of the event loop. */
  #work(): void {
    const { writesMax, isOneTry } = this.#options.policy;
    if (writesMax === 1 && !isOneTry) return this.#begin();
    if (this.#isBeginning) return;
    this.#isBeginning = true;
    setImmediate(() => {
      this.#isBeginning = false;
      this.#begin();
    });
  }

  #begin(): void {
    const { writesMax, delayMs, isOneTry } = this.#options.policy;
    while (this.#isFree) {
      const [oldest] = this.#queue;
      if (oldest === undefined) return;
      const youngForMs = oldest.addedAt + delayMs - performance.now();
      if (this.#queue.length < writesMax && youngForMs > 0) return this.#beginIn(youngForMs);
      const batch = takeFront(this.#queue, writesMax).filter((waiter) => this.#retries.admits(waiter));
      if (batch.length === 0) continue;
      // More than one batch is work for a leader.
      if (isOneTry && (this.#queue.length > 0 || this.#vainTries.isPausing)) return this.#handOn(batch);
      for (const waiter of batch) waiter.isUnderWay = true;
      this.#writesUnderWay += batch.length;
      this.#follow(this.#settle(batch).finally(() => (this.#writesUnderWay -= batch.length)));
    }
  }

  /** Whether another batch may start. If the server refuses one, it refuses all, so they are tried one at a time until one succeeds. */
  get #isFree(): boolean {
    const { error, restMs } = this.#attempts.trouble;
    return restMs === 0 && this.#batches.size < (error === null ? this.#options.policy.sessionsMax : 1);
  }

  #beginIn(milliseconds: number): void {
    this.#delay ??= setTimeout(() => {
      this.#delay = null;
      this.#begin();
    }, milliseconds);
  }

  #follow(work: Promise<void>): void {
    const ended = work.finally(() => {
      this.#batches.delete(ended);
      this.#work();
    });
    this.#batches.add(ended);
  }

  async #settle(batch: readonly Submitter[]): Promise<void> {
    const { isOneTry, writesMax } = this.#options.policy;
    if (isOneTry) {
      this.#vainTries.note(await this.#attempts.settleAtOnce(batch));
      for (const waiter of batch) waiter.isUnderWay = false;
      return this.#handOn(batch);
    }
    const report = await this.#attempts.settle(batch);
    const deferred = new Set(report.deferred.map(({ writeId }) => writeId));
    const locked = new Set(report.blocked.filter(waitsForLock).map(({ write }) => write.writeId));
    for (const waiter of batch) waiter.isUnderWay = false;
    const left = batch.filter(({ writeId }) => this.#options.waits.has(writeId));
    for (const waiter of batch) if (!locked.has(waiter.writeId)) this.#retries.leave(waiter);
    // These were deferred only until this batch was committed, so they go first in the next. The others wait for
    // something else.
    this.#queue.unshift(...left.filter(({ writeId, isEnding }) => deferred.has(writeId) && !isEnding));
    for (const waiter of left) {
      if (waiter.isEnding) void this.#options.waits.cancel(waiter);
      else if (deferred.has(waiter.writeId)) continue;
      else if (locked.has(waiter.writeId)) this.#retries.restBriefly(waiter, writesMax === 1);
      else this.#retries.rest(waiter);
    }
  }

  /** Passes on the unsettled ones of these writes, and then all that have gathered. */
  #handOn(batch: readonly Submitter[]): void {
    const { waits, next } = this.#options;
    for (const waiter of [...batch, ...this.#queue.splice(0)]) {
      if (!waits.has(waiter.writeId)) continue;
      if (waiter.isEnding) void waits.cancel(waiter);
      else if (!waiter.wasSent) next?.send(waiter);
      else {
        // The commit may have happened or not: the next poll finds out, and sends the write if it did not.
        waiter.route = next;
        waiter.isInserted = true;
        waiter.lookedAt = Number.NEGATIVE_INFINITY;
      }
    }
  }
}
