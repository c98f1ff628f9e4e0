/**
 * `coordinated`: writes go through the intake, outcomes come back as rows. A hint says where to look; a poll looks
 * without one. docs/completion.md tells why no answer is lost.
 */
import { SluiceError, type Outcome, type Write, unpackIds } from '@sluice/protocol';
import { outcomeOf, type BatchReport, type SettleOptions } from '@sluice/batch';
import {
  channels,
  createListener,
  type Database,
  type DatabaseClock,
  type DatabaseError,
  isTransactionPooled,
  type Listener,
  type PoolUsage,
  readAbility,
  type Row,
} from '@sluice/store';
import { Cancellations } from './cancellations.ts';
import { FastPath } from './fast-path.ts';
import { IntakeBuffer } from './intake-buffer.ts';
import type { ClientObserver, FoundBy } from './observer.ts';
import { ownNode } from './prepare-write.ts';
import { traceCompletion } from './trace-write.ts';
import { Waiters, type Waiter } from './waiters.ts';
import type { WritePath } from './write-path.ts';

export interface CoordinatedPathOptions {
  database: Database;
  clock: DatabaseClock;
  listenUrl: string;
  notifications: boolean;
  pollIntervalMs: number;
  flushWritesMax: number;
  /** How the node settles few writes itself, where its role may; 0 writes: never. */
  fastPath: { settle: SettleOptions; writesMax: number; onBatch: (report: BatchReport) => void };
  observer?: ClientObserver | undefined;
  onError: (error: unknown, doing: string) => void;
}

/** While hints are wanted and do not arrive. */
const deafIntervalMs = 50;
/** Short reads: one that is not answered by then has met a connection that is lost. */
const shortReadTimeoutMs = 5000;

export class CoordinatedPath implements Omit<WritePath, 'status'> {
  readonly #options: CoordinatedPathOptions;
  readonly #buffer: IntakeBuffer;
  readonly #durableBuffer: IntakeBuffer;
  readonly #cancellations: Cancellations;
  readonly #listener: Listener;
  /** Null: all writes go through the intake. */
  #fastPath: FastPath | null = null;
  readonly #waiters = new Waiters();
  readonly #hinted = new Set<string>();
  #reading: Promise<void> | null = null;
  #pollTimer: NodeJS.Timeout | null = null;
  #polling: Promise<void> | null = null;

  constructor(options: CoordinatedPathOptions) {
    this.#options = options;
    const { database, clock, notifications, flushWritesMax, observer, onError } = options;
    const connection = database.options;
    const buffer = { connection, clock, notifications, flushWritesMax, observer, onError };
    this.#buffer = new IntakeBuffer({ ...buffer, isDurable: false });
    this.#durableBuffer = new IntakeBuffer({ ...buffer, isDurable: true });
    this.#cancellations = new Cancellations(connection);
    const { listenUrl: url } = options;
    this.#listener = createListener({
      url,
      schema: connection.schema,
      applicationName: `${connection.applicationName} listener`,
      notifications,
    });
  }

  get waiting(): number {
    return this.#waiters.writes;
  }

  get isListening(): boolean {
    return this.#listener.isListening;
  }

  get trouble(): DatabaseError | null {
    return this.#buffer.trouble ?? this.#durableBuffer.trouble;
  }

  get pools(): Record<string, PoolUsage> {
    const fastPath = this.#fastPath === null ? {} : { fast_path: this.#fastPath.usage };
    return { cancellations: this.#cancellations.usage, ...fastPath };
  }

  async start(): Promise<void> {
    const { database, fastPath } = this.#options;
    // Behind a pooler a session has no settings by which the server would end a frozen node's transaction.
    if (fastPath.writesMax > 0 && !isTransactionPooled(database.options.url)) {
      const { missing } = await readAbility((...query) => database.run(...query), ['settle', 'at_once']);
      if (missing.length === 0) this.#fastPath = this.#createFastPath();
    }
    await this.#listener.listen(channels.node(ownNode), (payload) => {
      // Null: hints may have been missed, so everything is looked for. Of others' writes nothing is remembered.
      for (const id of payload === null ? this.#waiters.ids() : unpackIds(payload)) {
        if (this.#waiters.has(id)) this.#hinted.add(id);
      }
      this.#reading ??= this.#readHinted().finally(() => (this.#reading = null));
      if (payload === null && this.#pollTimer !== null) this.#schedulePoll();
    });
    this.#schedulePoll();
  }

  #createFastPath(): FastPath {
    const { database, fastPath, onError } = this.#options;
    return new FastPath({
      ...fastPath,
      connection: database.options,
      isAwaited: ({ writeId }) => this.#waiters.has(writeId),
      onSettled: (report) => {
        for (const { outcome } of report.outcomes)
          this.#waiters.finish(outcome.writeId, (waiter) => waiter.resolve(outcome));
        fastPath.onBatch(report);
      },
      onLeft: (writes) => {
        for (const { writeId } of writes) this.#insert(this.#waiters.submitterOf(writeId));
      },
      onUnknown: (writes) => {
        const now = performance.now();
        for (const { writeId } of writes) {
          const waiter = this.#waiters.submitterOf(writeId);
          if (waiter === null) continue;
          waiter.isInserted = true;
          waiter.wasSent = true;
          waiter.lookAt = now;
        }
        this.#lookNow();
      },
      onError,
    });
  }

  #schedulePoll(): void {
    const { pollIntervalMs } = this.#options;
    const delayMs = this.#listener.isDeaf ? Math.min(deafIntervalMs, pollIntervalMs) : pollIntervalMs;
    if (this.#pollTimer !== null) clearTimeout(this.#pollTimer);
    this.#pollTimer = setTimeout(() => {
      this.#lookNow();
      this.#schedulePoll();
    }, delayMs);
  }

  #lookNow(): void {
    this.#polling ??= this.#poll().finally(() => (this.#polling = null));
  }

  async stop(): Promise<void> {
    await this.#waiters.settled();
    if (this.#pollTimer !== null) clearTimeout(this.#pollTimer);
    await Promise.all([this.#buffer.stop(), this.#durableBuffer.stop(), this.#listener.close()]);
    await Promise.all([this.#reading, this.#polling]);
    await Promise.all([this.#cancellations.close(), this.#fastPath?.close()]);
  }

  endWaits(): void {
    this.#durableBuffer.giveUp();
    for (const waiter of this.#waiters.all()) void this.#endWait(waiter);
  }

  abandon(): void {
    for (const { writeId } of this.#waiters.all()) this.#finishUnknown(writeId);
  }

  submit(write: Write, waitMs: number): Promise<Outcome> {
    // The waiter is registered before the insert: an outcome can be hinted before the insert is confirmed.
    return this.#wait(write.writeId, write.lane, write, waitMs, (waiter) => {
      if (this.#isIdle && this.#fastPath?.add(write) === true) return;
      this.#insert(waiter);
    });
  }

  /** Nothing of this node is on its way through the intake, but what waits there for something. */
  get #isIdle(): boolean {
    // The write that asks is counted already.
    return this.#waiters.writesOnTheirWay - 1 <= (this.#fastPath?.writes ?? 0);
  }

  #insert(waiter: Waiter | null): void {
    // Nobody waits for it any more: it was cancelled.
    if (waiter === null || waiter.write === null) return;
    const { write } = waiter;
    waiter.isInserted = false;
    this.#buffer.add(write, undefined, waiter.wasSent).then(
      () => (waiter.isInserted = true),
      // The buffer rejects with errors only.
      (error: unknown) => this.#waiters.finish(write.writeId, (each) => each.reject(error as Error)),
    );
  }

  accept(write: Write, waitMs: number): Promise<void> {
    return this.#durableBuffer.add(write, waitMs);
  }

  join(writeId: string, lane: number, waitMs: number): Promise<Outcome> {
    return this.#wait(writeId, lane, null, waitMs, () => undefined);
  }

  #wait(
    writeId: string,
    lane: number,
    write: Write | null,
    waitMs: number,
    begin: (waiter: Waiter) => void,
  ): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const deadline = setTimeout(() => void this.#endWait(waiter), waitMs);
      const waiter: Waiter = {
        writeId,
        lane,
        write,
        isInserted: write === null,
        wasSent: false,
        lookAt: performance.now() + this.#lookIntervalMs(),
        lookedAt: performance.now(),
        isEnding: false,
        resolve: (outcome) => {
          clearTimeout(deadline);
          resolve(outcome);
        },
        reject: (error) => {
          clearTimeout(deadline);
          reject(error);
        },
      };
      this.#waiters.add(waiter);
      begin(waiter);
    });
  }

  /** Where hints arrive, looking without one is only the second net. */
  #lookIntervalMs(): number {
    const { pollIntervalMs } = this.#options;
    if (this.#listener.isDeaf) return Math.min(deafIntervalMs, pollIntervalMs);
    return pollIntervalMs * (this.#listener.isListening ? 4 : 1);
  }

  /** Reads the outcomes of hinted writes, all that gathered during one read together in the next. */
  async #readHinted(): Promise<void> {
    while (this.#hinted.size > 0) {
      const ids = [...this.#hinted].filter((id) => this.#waiters.has(id));
      this.#hinted.clear();
      if (ids.length === 0) continue;
      const lookedAt = performance.now();
      try {
        const rows = await this.#options.database.run('readOutcomes', [ids], shortReadTimeoutMs);
        this.#take(rows, lookedAt, 'hint');
      } catch (error) {
        // The poll finds them.
        this.#options.onError(error, 'read outcomes');
      }
    }
  }

  #take(rows: readonly Row[], lookedAt: number, foundBy: FoundBy): void {
    const { observer } = this.#options;
    for (const row of rows) {
      const outcome = outcomeOf(row);
      if (this.#waiters.has(outcome.writeId))
        observer?.completed(row['settled_seconds'] as number | null, foundBy);
      this.#waiters.finish(outcome.writeId, (waiter) => {
        if (waiter.write !== null) traceCompletion(waiter.write, lookedAt, foundBy);
        waiter.resolve(outcome);
      });
    }
  }

  /**
   * Looks for every write that has waited for a while: settled, still in the intake, or in neither. Then a crash of the
   * database took it before anybody could be answered, and it is sent again under the same id.
   */
  async #poll(): Promise<void> {
    const now = performance.now();
    const due = this.#waiters.due(now, this.#lookIntervalMs(), this.#listener.isDeaf);
    if (due.length === 0) return;
    try {
      const rows = await this.#options.database.run('readWaiting', [due], shortReadTimeoutMs);
      const foundBy = this.#listener.isListening ? 'missed_hint' : 'poll';
      this.#take(
        rows.filter((row) => row['result'] !== null),
        now,
        foundBy,
      );
      for (const row of rows) {
        if (row['result'] === null && row['is_pending'] === false) this.#sendAgain(row['write_id'] as string);
      }
    } catch (error) {
      this.#options.onError(error, 'look for outcomes');
    }
  }

  #sendAgain(writeId: string): void {
    const waiter = this.#waiters.submitterOf(writeId);
    if (waiter?.isInserted === true) this.#insert(waiter);
  }

  /** The end of the wait: cancelled for good, or settled after all. */
  async #endWait(waiter: Waiter): Promise<void> {
    const { writeId, write } = waiter;
    if (waiter.isEnding) return;
    waiter.isEnding = true;
    if (write === null) {
      // Another node's write: its fate is not ours to decide.
      this.#waiters.forget(waiter);
      return waiter.reject(new SluiceError('outcome_unknown', undefined, { detail: { writeId } }));
    }
    if (this.#buffer.withdraw(writeId)) return;
    try {
      const outcome = await this.#cancellations.cancel(write);
      this.#waiters.finish(writeId, (each) => each.resolve(outcome));
    } catch (error) {
      this.#options.onError(error, 'cancel a write');
      this.#finishUnknown(writeId);
    }
  }

  #finishUnknown(writeId: string): void {
    this.#waiters.finish(writeId, (each) =>
      each.reject(new SluiceError('outcome_unknown', undefined, { detail: { writeId } })),
    );
  }
}
