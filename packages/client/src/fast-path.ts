/**
 * The fast path of a coordinated node: while it has few writes and nothing else under way, it settles them itself in one
 * transaction, under the locks of their lanes. What cannot be settled at once goes through the intake. An idle cluster
 * answers in the time of `direct` mode; a busy one has somebody at work on the lanes, and is left to its writers.
 */
import { settleAtOnce, type BatchReport, type SettleOptions } from '@sluice/batch';
import type { Write } from '@sluice/protocol';
import { projectionsDiffer, SessionPool, type ConnectionOptions, type PoolUsage } from '@sluice/store';
import { takeFront } from './take-front.ts';

export interface FastPathOptions {
  connection: ConnectionOptions;
  settle: SettleOptions;
  /** More than that at once are a batch for a leader. */
  writesMax: number;
  /** Whether somebody still waits for the write. */
  isAwaited: (write: Write) => boolean;
  onSettled: (report: BatchReport) => void;
  /** These were not settled: to be sent to the intake, in this order. */
  onLeft: (writes: readonly Write[]) => void;
  /** The connection was lost: they have been settled or not. */
  onUnknown: (writes: readonly Write[]) => void;
  onError: (error: unknown, doing: string) => void;
}

/**
 * After a try that came to nothing none is made for a while: four times as long as the last time, less a tenth for each that
 * went well since. Where others are at work a try costs them something, too, and one that goes well takes writes out of
 * their batches: it is left to them where more than about one in a dozen comes to nothing.
 */
const restMs = { unfit: 10, busy: 100, disagreed: 10_000, max: 10_000 };
const restKept = 0.9;
/**
 * Leaders wait for the lanes meanwhile, for a second before they give up (lock_timeout of their sessions): a node that
 * is frozen, and one that meets somebody's lock, ends in less.
 */
const sessionSettings = {
  plan_cache_mode: 'force_generic_plan',
  lock_timeout: '200ms',
  statement_timeout: '5s',
  idle_in_transaction_session_timeout: '500ms',
  transaction_timeout: '5s',
};
const answerTimeoutMs = 6000;

export class FastPath {
  readonly #options: FastPathOptions;
  readonly #sessions: SessionPool;
  #gathered: { write: Write }[] = [];
  #underWay = 0;
  #working: Promise<void> | null = null;
  #restsUntil = 0;
  #restMs = 0;
  #hasToldDisagreement = false;

  constructor(options: FastPathOptions) {
    this.#options = options;
    const { connection } = options;
    const settings = { ...connection.settings, ...sessionSettings };
    this.#sessions = new SessionPool({ ...connection, answerTimeoutMs, settings, sessionsMax: 1 });
  }

  /** Writes that it has taken and not settled or given back yet. */
  get writes(): number {
    return this.#gathered.length + this.#underWay;
  }

  get usage(): PoolUsage {
    return this.#sessions.usage;
  }

  /** False: this is no time for it. */
  add(write: Write): boolean {
    if (this.#working === null && performance.now() < this.#restsUntil) return false;
    this.#gathered.push({ write });
    this.#working ??= this.#work();
    return true;
  }

  async close(): Promise<void> {
    await this.#working;
    await this.#sessions.close();
  }

  async #work(): Promise<void> {
    // All that come in this turn of the event loop go together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#gathered.length > 0) await this.#next();
    // In the same turn as the look that found nothing more.
    this.#working = null;
  }

  async #next(): Promise<void> {
    this.#gathered = this.#gathered.filter(({ write }) => this.#options.isAwaited(write));
    const writes = takeFront(this.#gathered, this.#options.writesMax).map(({ write }) => write);
    if (this.#gathered.length > 0 || performance.now() < this.#restsUntil) return this.#leave(writes);
    this.#underWay = writes.length;
    await this.#settle(writes);
    this.#underWay = 0;
  }

  async #settle(writes: readonly Write[]): Promise<void> {
    const { settle, onSettled, onUnknown, onError } = this.#options;
    let wasSent = false;
    try {
      const report = await this.#sessions.use((session) => {
        wasSent = true;
        return settleAtOnce(session, writes, settle);
      });
      if (typeof report === 'string') {
        if (report === 'disagreed') this.#tellDisagreement();
        this.#rest(restMs[report]);
        return this.#leave(writes);
      }
      this.#restMs *= restKept;
      this.#hasToldDisagreement = false;
      onSettled(report);
    } catch (error) {
      onError(error, 'settle writes at once');
      this.#rest(restMs.busy);
      if (wasSent) onUnknown(writes);
      else this.#leave(writes);
    }
  }

  /** Once: it is met again at each try, and a node may well run without projections, beside writers that have them. */
  #tellDisagreement(): void {
    if (!this.#hasToldDisagreement) this.#options.onError(projectionsDiffer(), 'settle writes at once');
    this.#hasToldDisagreement = true;
  }

  #rest(leastMs: number): void {
    this.#restMs = Math.min(Math.max(4 * this.#restMs, leastMs), restMs.max);
    this.#restsUntil = performance.now() + this.#restMs;
  }

  /** Gives back these, and behind them all that has gathered. */
  #leave(writes: readonly Write[]): void {
    this.#options.onLeft([...writes, ...this.#gathered.splice(0).map(({ write }) => write)]);
  }
}
