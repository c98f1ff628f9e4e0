/**
 * One session that leads lanes, for as long as its process runs. When its connection ends, its leadership ends, and
 * it starts over on another connection.
 */
import { settleWithin, type GatheringState } from '#protocol';
import { assertAgreedProjections, reconnectDelayMs, Session } from '#store';
import { LaneLoop } from './lane-loop.ts';
import { sessionSettings, type LaneSessionOptions } from './lane-session-options.ts';
import { watchSilence } from './silence-watch.ts';
import { Wakeups } from './wakeups.ts';

/** A session that lived this long counts as useful. */
const provenMs = 5000;
/** Time to settle the batch under way and to hand over after a stop, then to end, in milliseconds. */
const stopMs = 8000;
const abandonMs = 2000;

/** A connection, and the loop on it. */
interface Leadership {
  session: Session;
  loop: LaneLoop;
}

export class LaneSession {
  readonly #options: LaneSessionOptions;
  readonly #wakeups: Wakeups;
  #isStopping = false;
  #running: Promise<void> | null = null;
  #leadership: Leadership | null = null;

  constructor(options: LaneSessionOptions) {
    this.#options = options;
    this.#wakeups = new Wakeups(options.gatheringTrial);
  }

  get lanes(): number[] {
    return [...(this.#leadership?.loop.elector.terms.keys() ?? [])];
  }

  get gathering(): GatheringState {
    return this.#wakeups.gathering.state;
  }

  /** Process id of the backend; 0 while there is none. */
  get pid(): number {
    return this.#leadership?.session.pid ?? 0;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Finishes the batch under way and hands over. If the server does not answer for long, the session is ended. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#wakeups.rouse();
    if (await settleWithin([this.#running], stopMs)) return;
    // Its batch is rolled back, or has an outcome; the lanes are free in both cases.
    this.#leadership?.session.abandon();
    await settleWithin([this.#running], abandonMs);
  }

  /** These lanes have new writes, or some lane has (null). */
  wake(lanes: ReadonlySet<number> | null): void {
    if (this.#leadership !== null) this.#leadership.loop.wake(lanes);
    else if (lanes === null) this.#wakeups.reads.hint();
  }

  /** Lanes may be free, so the next heartbeat is due now. */
  heartbeatNow(): void {
    this.#wakeups.heartbeats.hint();
  }

  /** These ids have changed. Writes of these lanes await them, or of any lane (null). */
  provided(ids: readonly string[], lanes: ReadonlySet<number> | null): void {
    this.#leadership?.loop.provided(ids, lanes);
  }

  async #run(): Promise<void> {
    for (let failures = 0; !this.#isStopping;) {
      const openedAt = performance.now();
      try {
        await this.#lead();
      } catch (error) {
        this.#options.onError(error);
        // If a session ends soon, because the server refuses its work, the next one follows after a growing pause.
        failures = performance.now() - openedAt > provenMs ? 1 : failures + 1;
      }
      if (!this.#isStopping) await this.#wakeups.rest(reconnectDelayMs(failures));
    }
  }

  /** Opens a connection and leads lanes on it until it ends. */
  async #lead(): Promise<void> {
    const { connection, settle, isBackendWorking, onLanes, onNeighbour } = this.#options;
    const session = await Session.open({ ...connection, settings: sessionSettings });
    const watch = watchSilence(session, isBackendWorking);
    try {
      assertAgreedProjections(await session.run('readSettings'), settle.projections ?? []);
      const loop = new LaneLoop(session, this.#wakeups, this.#options);
      this.#leadership = { session, loop };
      await loop.run(() => this.#isStopping);
    } finally {
      this.#leadership = null;
      clearInterval(watch);
      onLanes([], 0);
      onNeighbour(null);
      await session.close();
    }
  }
}
