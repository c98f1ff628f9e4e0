/**
 * One session that leads lanes: it joins, beats, drains its lanes batch after batch while there is work, and rests
 * until a hint or the next beat. When its connection ends, so does its leadership; it begins anew.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { DeposedError, intakeOrigin, settleBatch, type BatchReport, type SettleOptions } from '@sluice/batch';
import { hasFailpoint, passFailpoint } from '@sluice/protocol';
import { DatabaseError, reconnectDelayMs, Session, type ConnectionOptions } from '@sluice/store';
import { BlockedWrites } from './blocked-writes.ts';
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
  /** An operator wants the writer to drain; this session gives up its lanes and ends by itself. */
  onDrain: () => void;
  onError: (error: unknown) => void;
}

/**
 * The server ends a session that is silent or stuck for longer than this, and with it the leadership of a process that
 * is frozen: its kernel would go on answering keepalives for ever.
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
  plan_cache_mode: 'force_generic_plan',
};

export class LaneSession {
  readonly #options: LaneSessionOptions;
  #isStopping = false;
  #isHinted = false;
  #rouse: () => void = () => undefined;
  #running: Promise<void> | null = null;
  #elector: Elector | null = null;
  #nextBeat = 0;
  #blocked: BlockedWrites | null = null;
  #beat: Beat = {
    hasReady: false,
    hasBlocked: false,
    hasBlockedElsewhere: false,
    hasResumed: false,
    isDraining: false,
  };

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

  /** Other lanes have settled what writes of these lanes may await. */
  provided(payload: string): void {
    if (!this.#beat.hasBlocked) return;
    this.#blocked?.hint(payload);
    this.wake();
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
        this.#blocked = null;
        this.#options.onLanes([]);
        await session?.close();
      }
      if (!this.#isStopping) await this.#rest(reconnectDelayMs(failures));
    }
  }

  async #lead(session: Session): Promise<void> {
    const { lanes, writerId } = this.#options;
    const elector = new Elector(session, { lanes, writerId });
    this.#elector = elector;
    await elector.join();
    this.#nextBeat = 0;
    const { settle, onBatch } = this.#options;
    const blocked = new BlockedWrites(session, { settle, onBatch, paused: elector.paused });
    this.#blocked = blocked;
    while (!this.#isStopping) {
      const isBeat = performance.now() >= this.#nextBeat;
      if (isBeat) await this.#lookAround(elector, blocked);
      // An idle leader only beats: it locks no term rows until there is something to settle.
      const mayHaveWork = elector.terms.size > 0 && (this.#isHinted || this.#beat.hasReady);
      this.#isHinted = false;
      const isDone = !mayHaveWork || (await this.#drain(session, elector, blocked));
      this.#beat.hasReady = !isDone;
      const looks = this.#beat.hasBlocked && (isBeat || blocked.hasHints);
      if (looks && (await blocked.tick([...elector.terms.keys()])) > 0) this.#isHinted = true;
      if (isDone && !this.#isHinted && !this.#isStopping)
        await this.#rest(this.#nextBeat - performance.now());
    }
    await elector.leave([...elector.terms.keys()]);
  }

  async #lookAround(elector: Elector, blocked: BlockedWrites): Promise<void> {
    const before = elector.terms.size;
    this.#beat = await elector.beat();
    if (this.#beat.isDraining) {
      this.#isStopping = true;
      this.#options.onDrain();
    }
    // What was passed over while lanes were paused is looked at as if they had been taken over.
    if (elector.terms.size > before || this.#beat.hasResumed) blocked.takeOver();
    this.#nextBeat = performance.now() + this.#options.pollIntervalMs;
    if (elector.terms.size !== before) this.#options.onLanes([...elector.terms.keys()]);
  }

  /** Settles one batch. True: there is nothing more to do until a hint or the next beat. */
  async #drain(session: Session, { terms, paused }: Elector, blocked: BlockedWrites): Promise<boolean> {
    const { batchWritesMax, settle } = this.#options;
    const pausedBefore = paused.size === 0 ? [] : [...paused];
    const origin = intakeOrigin(new Map(terms), batchWritesMax, paused);
    const report = await settleBatch(session, origin, { ...settle, withBlocked: this.#beat.hasBlocked });
    const seen = report.outcomes.length + report.held.length + report.blocked.length;
    const hasResumed = pausedBefore.some((lane) => !paused.has(lane));
    if (hasResumed) blocked.takeOver();
    if (seen === 0) return !hasResumed;
    this.#options.onBatch(report, terms.size);
    if (hasFailpoint('committed')) await passFailpoint('committed', [...terms.keys()]);
    if (report.blocked.length > 0) this.#beat.hasBlocked = true;
    if (this.#beat.hasBlocked || this.#beat.hasBlockedElsewhere) {
      const woken = await blocked.afterBatch(report, [...terms.keys()]);
      if (woken > 0) return false;
    }
    if (hasResumed) return false;
    // A hint that came since the batch was read is remembered; without hints only an empty read ends the work.
    return seen < batchWritesMax && report.held.length === 0 && this.#options.isListening();
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
