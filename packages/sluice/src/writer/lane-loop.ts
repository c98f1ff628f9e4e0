/**
 * The loop of a session that leads lanes: heartbeat → quarantine → drain → wake blocked writes → rest. Each step is a
 * part of its own with its own state; the loop only decides their order.
 */
import { Caution, DeposedError } from '#batch';
import type { Session } from '#store';
import { BlockedWrites } from './blocked-writes.ts';
import { Drain } from './drain.ts';
import { Elector } from './elector.ts';
import { Heartbeat, type Heard } from './heartbeat.ts';
import { LaneBatches } from './lane-batches.ts';
import { LaneDemand } from './lane-demand.ts';
import type { LaneSessionOptions } from './lane-session-options.ts';
import { LockedLanes } from './locked-lanes.ts';
import { leaseOwnership } from './lease-ownership.ts';
import { lockOwnership } from './lock-ownership.ts';
import { Quarantine } from './quarantine.ts';
import { ReadyFront } from './ready-front.ts';
import { ServerTrouble } from './server-trouble.ts';
import { isDisagreement } from './session-end.ts';
import type { Wakeups } from './wakeups.ts';

export class LaneLoop {
  readonly elector: Elector;
  readonly #wakeups: Wakeups;
  readonly #front: ReadyFront;
  readonly #lockedLanes = new LockedLanes();
  readonly #heartbeat: Heartbeat;
  readonly #quarantine: Quarantine;
  readonly #drain: Drain;
  readonly #blocked: BlockedWrites;
  readonly #trouble: ServerTrouble;

  constructor(session: Session, wakeups: Wakeups, options: LaneSessionOptions) {
    const { lanes, writerId, batchWritesMax } = options;
    const form = options.ownership() === 'lease' ? leaseOwnership : lockOwnership;
    const demand = new LaneDemand(options);
    const elector: Elector = new Elector(session, {
      lanes,
      writerId,
      ownership: form(session, writerId),
      demand,
      onOpened: (opened) => this.#quarantine.take(opened),
    });
    const lockedLanes = this.#lockedLanes;
    const front = new ReadyFront({ lanes, batchWritesMax });
    const settle = { ...options.settle, caution: new Caution() };
    const blocked = new BlockedWrites(session, {
      settle,
      onBatch: options.onBatch,
      findBlocker: options.findBlocker,
      paused: elector.paused,
      looks: wakeups.looks,
      onWoken: (position) => front.lower(position),
    });
    const batches = new LaneBatches(session, {
      ...options,
      settle,
      elector,
      demand,
      front,
      lockedLanes,
      blocked,
    });
    const drain = new Drain({ ...options, batches, lockedLanes, reads: wakeups.reads });
    this.elector = elector;
    this.#wakeups = wakeups;
    this.#front = front;
    this.#drain = drain;
    this.#blocked = blocked;
    this.#heartbeat = new Heartbeat({ ...options, elector, front, wakeups, pid: session.pid });
    this.#quarantine = new Quarantine(session, {
      terms: elector.terms,
      writesMax: batchWritesMax,
      isResting: (lane) => elector.paused.has(lane) || lockedLanes.isResting(lane),
      onLocked: (locked) => lockedLanes.note(locked),
      async settle(led, only) {
        const { report, woken, leftOut } = await batches.settle(led, only);
        if (woken > 0) drain.noteReady();
        const settled = report.outcomes.length + report.blocked.length;
        return { settled, deferred: report.deferred.length, leftOut };
      },
      makeDeadLetter: (lane, writeId, deaths) => batches.makeDeadLetter(lane, writeId, deaths),
    });
    this.#trouble = new ServerTrouble(session, options.onTrouble);
  }

  /** Leads lanes until it is told to stop, and gives them back. */
  async run(isStopping: () => boolean): Promise<void> {
    try {
      await this.elector.join();
      this.#wakeups.nextHeartbeatIn(0);
      while (!isStopping()) {
        await this.#goRound();
        if (!isStopping()) await this.#rest();
      }
    } catch (error) {
      // A session that was deposed in some lanes gives back the others. Any other end may be the fault of a write.
      if (error instanceof DeposedError || isDisagreement(error))
        await this.elector.end().catch(() => undefined);
      throw error;
    }
    await this.elector.end();
  }

  async #goRound(): Promise<void> {
    const wasResting = !this.#drain.mayHaveReady;
    const heard = await this.#heartbeat.runIfDue();
    if (heard !== null) this.#hear(heard);
    if (this.#trouble.waitMs === 0) await this.#trouble.guard(() => this.#work(wasResting, heard));
    this.#front.endScan();
  }

  /** These lanes have new writes, or some lane has (null). Lanes of other sessions and paused lanes are ignored. */
  wake(lanes: ReadonlySet<number> | null): void {
    if (lanes === null || this.#leadsAnyOf(lanes)) this.#wakeups.reads.hint();
  }

  /** These ids have changed. Writes of these lanes await them, or of any lane (null). */
  provided(ids: readonly string[], lanes: ReadonlySet<number> | null): void {
    if (lanes === null || this.#leadsAnyOf(lanes)) this.#blocked.hint(ids);
  }

  #leadsAnyOf(lanes: ReadonlySet<number>): boolean {
    const { terms, paused } = this.elector;
    for (const lane of lanes) if (terms.has(lane) && !paused.has(lane)) return true;
    return false;
  }

  /** Passes the result of the heartbeat to every part. */
  #hear(heard: Heard): void {
    const { terms } = this.elector;
    this.#front.keepOnly(terms);
    this.#lockedLanes.keepOnly(terms);
    this.#quarantine.keepOnly(terms);
    this.#drain.hear(heard);
    this.#blocked.hear(heard);
  }

  async #work(wasResting: boolean, heard: Heard | null): Promise<void> {
    const { terms } = this.elector;
    await this.#quarantine.tryNext();
    const drained = new Map([...terms].filter(([lane]) => !this.#quarantine.has(lane)));
    await this.#drain.settleNext([...drained.keys()], wasResting && heard?.hasTaken !== true, heard);
    const woken = await this.#blocked.wakeNext(drained, [...terms.keys()], heard !== null);
    if (woken > 0 || this.#quarantine.isDue) this.#drain.noteReady();
  }

  /** Rests until the next heartbeat, a hint, or a due try; not at all while more writes may be ready. */
  async #rest(): Promise<void> {
    const { waitMs } = this.#trouble;
    if (waitMs > 0) return this.#wakeups.restUntilHeartbeat(waitMs);
    if (this.#drain.mayHaveReady) return;
    // Only lanes that the next round will try, because due tries that are left alone would end each rest.
    const { terms, paused } = this.elector;
    const tried = [...terms.keys()].filter((lane) => !paused.has(lane));
    const drained = new Set(tried.filter((lane) => !this.#quarantine.has(lane)));
    await this.#wakeups.restUntilDue(
      Math.min(this.#lockedLanes.nextIn(tried), this.#blocked.nextTryIn(drained)),
    );
  }
}
