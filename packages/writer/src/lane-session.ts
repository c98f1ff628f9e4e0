/**
 * One session that leads lanes: it joins, beats, drains its lanes batch after batch while there is work, and rests
 * until a hint or the next beat. When its connection ends, so does its leadership; it begins anew.
 */
import { randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { DeposedError, intakeOrigin, settleBatch, type BatchReport, type SettleOptions } from '@sluice/batch';
import { DatabaseError, Session, type ConnectionOptions } from '@sluice/store';
import { Elector, type Beat } from './elector.ts';

export interface LaneSessionOptions {
  connection: ConnectionOptions;
  lanes: number;
  writerId: string;
  batchWritesMax: number;
  /** Rests at most this long. */
  pollIntervalMs: number;
  settle: SettleOptions;
  /** Whether hints arrive: without them, rest begins only once a read has found nothing. */
  isListening: () => boolean;
  onBatch: (report: BatchReport, lanes: number) => void;
  onLanes: (lanes: readonly number[]) => void;
  onError: (error: unknown) => void;
}

/**
 * The server ends a session that is silent or stuck for longer than this, and with it the leadership of a process that
 * is frozen: its kernel would go on answering keepalives for ever. Nested loops over indexes are right for every
 * statement of a batch at every size of the tables, so no plan may be pinned that an early ANALYZE of small tables
 * made look good.
 */
const sessionSettings: Readonly<Record<string, string>> = {
  idle_session_timeout: '3s',
  idle_in_transaction_session_timeout: '2s',
  transaction_timeout: '30s',
  statement_timeout: '20s',
  lock_timeout: '5s',
  client_connection_check_interval: '250ms',
  tcp_user_timeout: '3s',
  tcp_keepalives_idle: '5',
  tcp_keepalives_interval: '1',
  tcp_keepalives_count: '3',
  enable_seqscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  plan_cache_mode: 'force_generic_plan',
  jit: 'off',
};

/** Looking through all blocked writes takes at most this share of the time. */
const blockedLookShare = 0.05;

export class LaneSession {
  readonly #options: LaneSessionOptions;
  #isStopping = false;
  #isHinted = false;
  #rouse: () => void = () => undefined;
  #running: Promise<void> | null = null;
  #elector: Elector | null = null;
  #nextBeat = 0;
  #nextBlockedLook = 0;
  #beat: Beat = { hasReady: false, hasBlocked: false, hasBlockedElsewhere: false };

  constructor(options: LaneSessionOptions) {
    this.#options = options;
  }

  get lanes(): number[] {
    return [...(this.#elector?.terms.keys() ?? [])];
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Finishes the batch in hand and hands over. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#rouse();
    await this.#running;
  }

  /** Look at the intake now. */
  wake(): void {
    this.#isHinted = true;
    this.#rouse();
  }

  async #run(): Promise<void> {
    for (let failures = 0; !this.#isStopping;) {
      let session: Session | null = null;
      try {
        session = await Session.open({ ...this.#options.connection, settings: sessionSettings });
        failures = 0;
        await this.#lead(session);
      } catch (error) {
        this.#options.onError(error);
        failures += 1;
      } finally {
        this.#elector = null;
        this.#options.onLanes([]);
        await session?.close();
      }
      if (!this.#isStopping) await this.#rest(randomInt(20, Math.min(2000, 50 * 2 ** Math.min(failures, 6))));
    }
  }

  async #lead(session: Session): Promise<void> {
    const { lanes, writerId } = this.#options;
    const elector = new Elector(session, { lanes, writerId });
    this.#elector = elector;
    await elector.join();
    this.#nextBeat = 0;
    while (!this.#isStopping) {
      if (performance.now() >= this.#nextBeat) await this.#lookAround(elector);
      this.#isHinted = false;
      const isDone = elector.terms.size === 0 || (await this.#drain(session, elector.terms));
      if (this.#beat.hasBlocked) await this.#wakeBlocked(session, elector);
      if (isDone && !this.#isHinted && !this.#isStopping)
        await this.#rest(this.#nextBeat - performance.now());
    }
    await elector.leave([...elector.terms.keys()]);
  }

  async #lookAround(elector: Elector): Promise<void> {
    const before = elector.terms.size;
    this.#beat = await elector.beat();
    this.#nextBeat = performance.now() + this.#options.pollIntervalMs;
    if (elector.terms.size !== before) this.#options.onLanes([...elector.terms.keys()]);
  }

  /** Settles one batch. True: there is nothing more to do until a hint or the next beat. */
  async #drain(session: Session, terms: ReadonlyMap<number, number>): Promise<boolean> {
    const { batchWritesMax, settle } = this.#options;
    const origin = intakeOrigin(new Map(terms), batchWritesMax);
    const report = await settleBatch(session, origin, { ...settle, withBlocked: this.#beat.hasBlocked });
    const seen = report.outcomes.length + report.held.length + report.blocked.length;
    if (seen === 0) return true;
    this.#options.onBatch(report, terms.size);
    if (report.blocked.length > 0) this.#beat.hasBlocked = true;
    if (report.outcomes.length > 0) {
      this.#nextBlockedLook = 0;
      if (this.#beat.hasBlockedElsewhere) await session.flight([{ name: 'hintWriters', isOptional: true }]);
    }
    // A hint that came since the batch was read is remembered; without hints only an empty read ends the work.
    return seen < batchWritesMax && report.held.length === 0 && this.#options.isListening();
  }

  async #wakeBlocked(session: Session, elector: Elector): Promise<void> {
    const started = performance.now();
    if (started < this.#nextBlockedLook) return;
    const [row] = await session.run('wakeBlocked', [[...elector.terms.keys()]]);
    const took = performance.now() - started;
    const woken = row?.['woken'] as number;
    if (woken > 0) this.#isHinted = true;
    this.#nextBlockedLook =
      performance.now() + Math.max(this.#options.pollIntervalMs, took / blockedLookShare);
  }

  /** Until a hint, the stop, or the time is over. */
  async #rest(milliseconds: number): Promise<void> {
    if (milliseconds <= 0) return;
    const roused = new AbortController();
    this.#rouse = () => roused.abort();
    await pause(milliseconds, undefined, { signal: roused.signal }).catch(() => undefined);
    this.#rouse = () => undefined;
  }
}

/** True if the session ended for a reason that every deployment knows: nothing to tell anybody about. */
export function isExpectedEnd(error: unknown): boolean {
  return error instanceof DeposedError || (error instanceof DatabaseError && error.isConnectionLoss);
}
