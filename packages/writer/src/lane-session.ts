/**
 * One session that leads lanes: it joins, beats, drains its lanes batch after batch while there is work, and rests
 * until a hint or the next beat. When its connection ends, so does its leadership; it begins anew.
 */
import {
  buryWrite,
  Caution,
  DeposedError,
  intakeOrigin,
  settleBatch,
  type BatchReport,
  type SettleOptions,
} from '@sluice/batch';
import { hasFailpoint, passFailpoint, settleWithin, SluiceError } from '@sluice/protocol';
import {
  assertAgreedProjections,
  DatabaseError,
  reconnectDelayMs,
  Session,
  type Statement,
} from '@sluice/store';
import { BlockedWrites } from './blocked-writes.ts';
import { CrashGuard } from './crash-guard.ts';
import { Elector, type Beat } from './elector.ts';
import { LaneDemand } from './lane-demand.ts';
import { sessionSettings, type LaneSessionOptions } from './lane-session-options.ts';
import { LanesAside } from './lanes-aside.ts';
import { leaseOwnership } from './lease-ownership.ts';
import { lockOwnership } from './lock-ownership.ts';
import { LowPositions } from './low-positions.ts';
import { watchSilence } from './silence-watch.ts';
import { Wakeups } from './wakeups.ts';

/** While hints are wanted and do not arrive. */
const deafIntervalMs = 50;
/** A session that has lived for so long was of use. */
const provenMs = 5000;
/** Told to stop, it may take so long to settle what it has in hand and to hand over, and then to end. */
const stopMs = 8000;
const abandonMs = 2000;

export class LaneSession {
  readonly #options: LaneSessionOptions;
  #isStopping = false;
  readonly #wakeups = new Wakeups();
  #running: Promise<void> | null = null;
  #elector: Elector | null = null;
  #pid = 0;
  #session: Session | null = null;
  /** The server lacks something: until then it is left alone. */
  #goOnAt = 0;
  #blocked: BlockedWrites | null = null;
  #low = new LowPositions();
  #aside = new LanesAside();
  readonly #caution = new Caution();
  #demand: LaneDemand | null = null;
  /** The last batch was full: more are waiting. */
  #isBehind = false;
  /** This round of the loop leaves nothing out; how long its looks have taken so far. */
  #sweep: { tookMs: number } | null = null;
  #beat: Beat = {
    hasReady: false,
    hasOverdue: false,
    hasBlocked: false,
    hasBlockedElsewhere: false,
    hasResumed: false,
    isDraining: false,
    sessionPids: [],
  };

  constructor(options: LaneSessionOptions) {
    this.#options = options;
  }

  get lanes(): number[] {
    return [...(this.#elector?.terms.keys() ?? [])];
  }

  /** Process id of the server's side; 0 while there is none. */
  get pid(): number {
    return this.#pid;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Finishes the batch in hand and hands over. A server that does not answer for long ends the session itself. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#wakeups.rouse();
    if (await settleWithin([this.#running], stopMs)) return;
    // What it was at is rolled back, or its outcome tells; the lanes are free either way.
    this.#session?.abandon();
    await settleWithin([this.#running], abandonMs);
  }

  /** New writes are in these lanes, or somewhere (null). Others' lanes, and those that are paused, are nothing to look at. */
  wake(lanes: ReadonlySet<number> | null): void {
    if (lanes === null || this.#leadsAnyOf(lanes)) this.#wakeups.reads.hint();
  }

  #leadsAnyOf(lanes: ReadonlySet<number>): boolean {
    const elector = this.#elector;
    if (elector === null) return false;
    for (const lane of lanes) if (elector.terms.has(lane) && !elector.paused.has(lane)) return true;
    return false;
  }

  /** Lanes may be free: look around now. */
  beatNow(): void {
    this.#wakeups.beats.hint();
  }

  /** These ids, which writes of these lanes await, or of any lane (null), have changed. */
  provided(ids: readonly string[], lanes: ReadonlySet<number> | null): void {
    if (!this.#beat.hasBlocked || !(lanes === null || this.#leadsAnyOf(lanes))) return;
    this.#blocked?.hint(ids);
    if (this.#blocked?.hasHints === true) this.#wakeups.looks.hint();
  }

  async #run(): Promise<void> {
    for (let failures = 0; !this.#isStopping;) {
      let session: Session | null = null;
      let watch: NodeJS.Timeout | null = null;
      const openedAt = performance.now();
      try {
        session = await Session.open({ ...this.#options.connection, settings: sessionSettings });
        assertAgreedProjections(await session.run('readSettings'), this.#options.settle.projections ?? []);
        this.#pid = session.pid;
        this.#session = session;
        watch = watchSilence(session, this.#options.isBackendWorking);
        await this.#lead(session);
      } catch (error) {
        this.#options.onError(error);
        // One that ends soon, as the server refuses its work, is followed by the next after a rest that grows.
        failures = performance.now() - openedAt > provenMs ? 1 : failures + 1;
        // Deposed in some lanes, it gives back the others. Whatever else ended it may be the fault of a write.
        if (error instanceof DeposedError || isDisagreement(error))
          await this.#elector?.end().catch(() => undefined);
      } finally {
        this.#elector = null;
        this.#blocked = null;
        this.#pid = 0;
        this.#session = null;
        this.#options.onLanes([], 0);
        this.#options.onNeighbour(null);
        if (watch !== null) clearInterval(watch);
        await session?.close();
      }
      if (!this.#isStopping) await this.#wakeups.rest(reconnectDelayMs(failures));
    }
  }

  async #lead(session: Session): Promise<void> {
    const { lanes, writerId, settle, onBatch, batchWritesMax, spread } = this.#options;
    const form = this.#options.ownership === 'lease' ? leaseOwnership : lockOwnership;
    const elector: Elector = new Elector(session, {
      lanes,
      writerId,
      ownership: form(session, writerId),
      demand: (this.#demand = new LaneDemand({ lanes, batchWritesMax, spread })),
      onOpened: (opened) => guard.take(opened),
    });
    this.#elector = elector;
    const low = (this.#low = new LowPositions());
    this.#aside = new LanesAside();
    const blocked = new BlockedWrites(session, {
      settle: { ...settle, caution: this.#caution },
      onBatch,
      paused: elector.paused,
      hasBlockedElsewhere: () => this.#beat.hasBlockedElsewhere,
      onWoken: (position) => low.lower(position),
    });
    this.#blocked = blocked;
    const guard = new CrashGuard(session, elector.terms, {
      batchWritesMax,
      settle: async (lanes, writeIds) => {
        const origin = this.#originOf(elector, lanes);
        const report = await settleBatch(session, origin, this.#settleOptions(), writeIds);
        const woken = await this.#afterBatch(report, elector, blocked);
        const gone = [...report.outcomes, ...report.blocked].map(({ write }) => write.writeId);
        return { woken, gone: new Set(gone) };
      },
      setAside: async (lane, writeId, attempts) => {
        const report = await buryWrite(session, this.#originOf(elector, [lane]), writeId, attempts);
        await this.#afterBatch(report, elector, blocked);
      },
    });
    await elector.join();
    this.#wakeups.nextBeatIn(0);
    for (let troubles = 0; !this.#isStopping;) {
      const isBeat = this.#wakeups.takeBeat();
      const wasBusy = this.#beat.hasReady;
      let hasTaken = false;
      if (isBeat) {
        hasTaken = await this.#lookAround(elector, blocked);
        guard.forget();
      }
      const isWoken = !wasBusy && !hasTaken;
      let isDone = true;
      if (performance.now() >= this.#goOnAt) {
        try {
          isDone = await this.#work(session, elector, blocked, guard, { isBeat, isWoken });
          troubles = 0;
        } catch (error) {
          if (!(error instanceof DatabaseError) || !(error.isServerTrouble || error.isLockWaitOver))
            throw error;
          // Nothing was committed, and nothing is the fault of a write: it leads on, and tries again after a while.
          if (error.isServerTrouble) this.#options.onTrouble(error);
          else await session.flight([{ name: 'rollback' }]);
          this.#goOnAt = performance.now() + reconnectDelayMs(troubles++);
        }
      }
      if (this.#sweep !== null) low.noteSweep(this.#sweep.tookMs);
      this.#sweep = null;
      const goesOnIn = this.#goOnAt - performance.now();
      if (this.#isStopping) break;
      if (goesOnIn > 0) await this.#wakeups.restUntilBeat(goesOnIn);
      else if (isDone) await this.#wakeups.restUntilDue(this.#triesLockedIn(elector, blocked));
    }
    await elector.end();
  }

  /** Tries what is suspect, drains one batch, and looks after blocked writes. True: there is nothing to do until a hint. */
  async #work(
    session: Session,
    elector: Elector,
    blocked: BlockedWrites,
    guard: CrashGuard,
    { isBeat, isWoken }: { isBeat: boolean; isWoken: boolean },
  ): Promise<boolean> {
    const { reads, looks } = this.#wakeups;
    if (guard.isBusy) await this.#tryWhatIsSuspect(elector, guard);
    const suspects = guard.lanes;
    const calm = [...elector.terms].filter(([lane]) => !suspects.has(lane));
    const drained = calm.flatMap(([lane]) => (this.#aside.isResting(lane) ? [] : [lane]));
    const isAsideDue = this.#aside.nextIn(drained) === 0;
    // An idle leader only beats: it locks no term rows until there is something to settle.
    const mayBeReady = reads.isDue || this.#beat.hasReady;
    const mayHaveWork = drained.length > 0 && (mayBeReady || isAsideDue);
    if (mayHaveWork && mayBeReady && isWoken) this.#noteWakeup();
    if (mayHaveWork || drained.length === 0) reads.take();
    const isDone = !mayHaveWork || (await this.#drain(session, elector, drained, blocked));
    // What came to suspect lanes meanwhile is looked for once they are suspect no more.
    this.#beat.hasReady = !isDone || guard.isBusy;
    let woken = await blocked.tryLocked(new Map(calm));
    if (this.#beat.hasBlocked && (isBeat || looks.isDue)) {
      looks.take();
      const found = await blocked.tick([...elector.terms.keys()]);
      looks.note(found === 0);
      woken += found;
    } else if (!this.#beat.hasBlocked) looks.take();
    if (woken > 0) {
      this.#beat.hasReady = true;
      guard.readAgain();
    }
    return !this.#beat.hasReady;
  }

  /** A lane whose row is locked can note no trial: it is given up with all that are suspect, and taken when it is free. */
  async #tryWhatIsSuspect(elector: Elector, guard: CrashGuard): Promise<void> {
    try {
      await guard.step();
    } catch (error) {
      if (!(error instanceof DatabaseError) || !error.isLockWaitOver) throw error;
      await elector.leave([...guard.lanes]);
      guard.forget();
    }
  }

  /** When lanes or writes are tried again that could not go on, as another transaction had locked their rows. */
  #triesLockedIn({ terms }: Elector, blocked: BlockedWrites): number {
    const lanes = new Set(terms.keys());
    return Math.min(this.#aside.nextIn(lanes), blocked.nextTrialIn(lanes));
  }

  /** What a beat has found without a hint was missed only where the hint had time to come. */
  #noteWakeup(): void {
    const { isListening, onWoken } = this.#options;
    const { hasOverdue, hasResumed } = this.#beat;
    if (this.#wakeups.reads.isPending) onWoken('hint');
    else if (!isListening()) onWoken('poll');
    else onWoken(hasOverdue && !hasResumed ? 'missed_hint' : 'hint');
  }

  /** True: it has taken lanes. */
  async #lookAround(elector: Elector, blocked: BlockedWrites): Promise<boolean> {
    const before = elector.terms.size;
    const began = performance.now();
    this.#sweep = this.#low.isSweepDue ? { tookMs: 0 } : null;
    this.#beat = await elector.beat(this.#behind, this.#sweep !== null);
    this.#low.keepOnly(elector.terms);
    this.#aside.keepOnly(elector.terms);
    if (this.#beat.isDraining) {
      this.#isStopping = true;
      this.#options.onDrain();
    }
    const taken = Math.max(0, elector.terms.size - before);
    // What waits in lanes that were just taken is looked at from the front, too.
    if (taken > 0) this.#sweep ??= { tookMs: 0 };
    if (this.#sweep !== null) this.#sweep.tookMs += performance.now() - began;
    // What was passed over while lanes were paused is looked at as if they had been taken over.
    if (taken > 0 || this.#beat.hasResumed) blocked.takeOver();
    const { pollIntervalMs, isDeaf } = this.#options;
    this.#wakeups.nextBeatIn(isDeaf() ? Math.min(deafIntervalMs, pollIntervalMs) : pollIntervalMs);
    this.#options.onNeighbour(neighbourOf(this.#pid, this.#beat.sessionPids));
    this.#wakeups.beats.note(elector.terms.size === before);
    if (elector.terms.size !== before) this.#options.onLanes([...elector.terms.keys()], taken);
    return taken > 0;
  }

  /** Settles one batch of these lanes. True: there is nothing more to do until a hint or the next beat. */
  async #drain(
    session: Session,
    elector: Elector,
    lanes: readonly number[],
    blocked: BlockedWrites,
  ): Promise<boolean> {
    const { batchWritesMax } = this.#options;
    const { paused } = elector;
    const pausedBefore = paused.size === 0 ? [] : [...paused];
    const began = performance.now();
    const locked = new Set<number>();
    const origin = this.#originOf(elector, lanes, (more) => more.forEach((lane) => locked.add(lane)));
    const report = await settleBatch(session, origin, this.#settleOptions());
    await this.#tellLocked(
      session,
      elector,
      locked,
      this.#aside.clear(lanes.filter((lane) => !locked.has(lane))),
    );
    const seen = report.outcomes.length + report.held.length + report.blocked.length;
    if (this.#sweep !== null) this.#sweep.tookMs += seen === 0 ? performance.now() - began : report.readMs;
    const read = lanes.filter(
      (lane) => !paused.has(lane) && !pausedBefore.includes(lane) && !locked.has(lane),
    );
    if (seen > 0) this.#demand?.noteBatch(seen, performance.now() - began);
    if (seen > 0) this.#low.raise(read, settledUpTo(report));
    this.#isBehind = seen >= batchWritesMax;
    const hasResumed = pausedBefore.some((lane) => !paused.has(lane));
    if (hasResumed) blocked.takeOver();
    this.#wakeups.reads.note(seen === 0);
    // Writes of lanes that were passed over have taken the places of others in the read.
    const hasPassedOver = locked.size > 0 || [...paused].some((lane) => !pausedBefore.includes(lane));
    if (seen === 0) return !hasResumed && !hasPassedOver;
    if ((await this.#afterBatch(report, elector, blocked)) > 0) return false;
    if (hasResumed || hasPassedOver) return false;
    // A hint that came since the batch was read is remembered; without hints only an empty read ends the work.
    return seen < batchWritesMax && report.held.length === 0 && this.#options.isListening();
  }

  /** Operators see why a lane stands still whose row another transaction has locked for long. Nothing hangs on it. */
  async #tellLocked(
    session: Session,
    { terms }: Elector,
    locked: ReadonlySet<number>,
    freed: readonly number[],
  ): Promise<void> {
    const notes = this.#aside.toTell(locked).map(([lane, tries]): Statement => {
      const values = [[lane], [terms.get(lane) ?? 0], tries, this.#aside.nextIn([lane]), '55P03'];
      return { name: 'noteRetry', values, isOptional: true };
    });
    if (freed.length > 0) notes.push({ name: 'forgetRetry', values: [freed], isOptional: true });
    if (notes.length > 0) await session.flight(notes);
  }

  #originOf(
    { terms, paused }: Elector,
    lanes: readonly number[],
    tell: (locked: readonly number[]) => void = () => undefined,
  ): ReturnType<typeof intakeOrigin> {
    const led = new Map(lanes.map((lane) => [lane, terms.get(lane) ?? 0]));
    const low = this.#low;
    const { batchWritesMax } = this.#options;
    // Among the positions behind what was settled, of all lanes, these lanes have their share.
    const near = this.#isBehind
      ? low.settled + Math.ceil((batchWritesMax * this.#options.lanes) / led.size)
      : 0;
    const onWriting = low.isLookDue ? (writing: readonly string[]): void => low.look(writing) : null;
    const onLocked = (locked: readonly number[]): void => {
      this.#aside.note(locked);
      tell(locked);
    };
    return intakeOrigin(led, batchWritesMax, {
      paused,
      front: { behind: this.#behind, near, onWriting },
      onLocked,
    });
  }

  readonly #behind = (lane: number): number => (this.#sweep === null ? this.#low.of(lane) : 0);

  #settleOptions(): SettleOptions {
    return { ...this.#options.settle, caution: this.#caution, withBlocked: this.#beat.hasBlocked };
  }

  /** Says how many writes a batch has woken. */
  async #afterBatch(report: BatchReport, { terms }: Elector, blocked: BlockedWrites): Promise<number> {
    const lanes = [...terms.keys()];
    this.#options.onBatch(report, lanes.length);
    if (hasFailpoint('committed')) await passFailpoint('committed', lanes);
    if (report.blocked.length > 0) this.#beat.hasBlocked = true;
    if (!this.#beat.hasBlocked && !this.#beat.hasBlockedElsewhere) return 0;
    return blocked.afterBatch(report, lanes);
  }
}

/** A batch takes what comes first: up to its last position nothing is ready any more, but for what it has held back. */
function settledUpTo({ outcomes, held, blocked }: BatchReport): number {
  let last = 0;
  for (const { write } of outcomes) last = Math.max(last, write.position);
  for (const { write } of blocked) last = Math.max(last, write.position);
  for (const { position } of held) last = Math.max(last, position);
  for (const { position } of held) last = Math.min(last, position - 1);
  return last;
}

/** In a ring of all by their process ids the next one. */
function neighbourOf(pid: number, sessionPids: readonly number[]): number | null {
  const next = sessionPids.find((other) => other > pid) ?? sessionPids[0];
  return next === undefined || next === pid ? null : next;
}

/** The deployment has agreed on other projections: it settles nothing until they are those of this process again. */
export function isDisagreement(error: unknown): boolean {
  return error instanceof SluiceError && error.code === 'deployment_disagrees';
}

/** True if the session ended for a reason that every deployment knows: nothing to tell anybody about. */
export function isExpectedEnd(error: unknown): boolean {
  return error instanceof DeposedError || (error instanceof DatabaseError && error.isConnectionLoss);
}
