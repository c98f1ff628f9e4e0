/**
 * The leaders of lanes. Ownership elects, by a lock or by a lease; the term fences: every batch compares the lane's
 * term first. As few sessions lead as keep up with the load, each with its share of the lanes; the others are
 * standbys. docs/leadership.md explains the rules.
 */
import type { Row, Session } from '#store';
import type { LaneDemand } from './lane-demand.ts';
import type { OpenedLane, Ownership } from './ownership.ts';

/** The result of a heartbeat. */
export interface Found {
  hasReady: boolean;
  /** A ready write has waited for longer than a hint takes. */
  hasOverdue: boolean;
  hasBlocked: boolean;
  hasBlockedElsewhere: boolean;
  /** Lanes that were paused go on. */
  hasResumed: boolean;
  /** An operator wants this writer to give up its lanes and to end. */
  isDraining: boolean;
  /** Process ids of the sessions that share the lanes, in order; empty if lanes are owned by leases. */
  sessionPids: readonly number[];
}

interface ElectorOptions {
  lanes: number;
  writerId: string;
  ownership: Ownership;
  demand: LaneDemand;
  /** Lanes that were just taken. */
  onOpened: (opened: readonly OpenedLane[]) => void;
}

/** Longest time from a commit to the arrival of its hint, in seconds. */
const overdueSeconds = 0.1;
/** Limit for a heartbeat, a read of some milliseconds; if it takes longer, its connection is lost. */
const heartbeatTimeoutMs = 2000;

export class Elector {
  readonly #session: Session;
  readonly #options: ElectorOptions;
  /** The lanes that this session leads, and its term in each. */
  readonly terms = new Map<number, number>();
  /** Lanes, of any leader, that an operator has paused. */
  readonly paused = new Set<number>();
  /** Sessions that should lead, as of the last heartbeat; 0: this session is none of them. */
  #leaders = 0;

  constructor(session: Session, options: ElectorOptions) {
    this.#session = session;
    this.#options = options;
  }

  /** Joins the sessions that share the lanes. */
  async join(): Promise<void> {
    const { ownership, demand } = this.#options;
    await ownership.join(demand.at(0, 0));
  }

  /**
   * Runs one heartbeat: takes or gives back lanes until this session has its share.
   * @param behind Low-water mark of a lane, after which to look for ready writes.
   * @param isCatchUp The read may take long, because it passes all dead rows.
   */
  async heartbeat(behind: (lane: number) => number, isCatchUp: boolean): Promise<Found> {
    const { ownership, writerId, demand } = this.#options;
    await ownership.keep(this.terms, demand.at(this.#leaders, this.terms.size));
    const led = [...this.terms.keys()];
    const isLease = ownership.sessionId !== null;
    const values = [led, writerId, isLease, led.map(behind), ownership.sessionId];
    const [result] = await this.#session.flight(
      [{ name: 'heartbeat', values }],
      isCatchUp ? undefined : heartbeatTimeoutMs,
    );
    const row = result?.rows[0];
    const isDraining = row?.['is_draining'] === true;
    const hasResumed = this.#notePaused(row?.['paused_lanes'] as number[]);
    const readySeconds = (row?.['ready_seconds'] as number | null | undefined) ?? null;
    const sessionPids = (row?.['session_pids'] as number[] | null) ?? [];
    const { rank, leaders } = this.#noteLeaders(row);
    const share = this.#leaders === 0 ? 0 : Math.ceil(this.#options.lanes / leaders);
    if (led.length > share) await this.leave(led.slice(share));
    let hasNew = false;
    if (led.length < share && !isDraining) {
      const [read] = await this.#session.run('readTakenLanes', [isLease]);
      const taken = new Set(read?.['lanes'] as number[]);
      const free = Array.from({ length: this.#options.lanes }, (_, lane) => lane).filter(
        (lane) => !taken.has(lane),
      );
      // Other sessions read at the same moment, so each starts with another lane.
      const first = Math.floor((free.length * rank) / leaders);
      const inTurn = [...free.slice(first), ...free.slice(0, first)];
      hasNew = await this.#lead(inTurn.slice(0, share - led.length));
    }
    return {
      // Ready writes in lanes that were just taken are not known yet.
      hasReady: hasNew || readySeconds !== null,
      hasOverdue: readySeconds !== null && readySeconds >= overdueSeconds,
      hasBlocked: hasNew || row?.['has_blocked'] === true,
      hasBlockedElsewhere: row?.['has_blocked_elsewhere'] === true,
      hasResumed,
      isDraining,
      sessionPids,
    };
  }

  /** The first sessions lead, as many as the greatest demand; `rank` is the place of this one, from 0. */
  #noteLeaders(row: Row | undefined): { rank: number; leaders: number } {
    const rank = (row?.['rank'] as number | null | undefined) ?? Number.POSITIVE_INFINITY;
    const sessions = (row?.['sessions'] as number | undefined) ?? 0;
    const wanted = (row?.['wanted_sessions'] as number | null | undefined) ?? 1;
    const leaders = Math.max(1, Math.min(wanted, sessions, this.#options.lanes));
    this.#leaders = rank < leaders ? leaders : 0;
    return { rank, leaders };
  }

  /** Returns whether a lane that was paused no longer is. */
  #notePaused(lanes: readonly number[]): boolean {
    const now = new Set(lanes);
    const hasResumed = [...this.paused].some((lane) => !now.has(lane));
    this.paused.clear();
    for (const lane of now) this.paused.add(lane);
    return hasResumed;
  }

  async #lead(lanes: readonly number[]): Promise<boolean> {
    if (lanes.length === 0) return false;
    const opened = await this.#options.ownership.take(lanes);
    for (const { lane, term } of opened) this.terms.set(lane, term);
    this.#options.onOpened(opened);
    return opened.length > 0;
  }

  /** Gives lanes back. */
  async leave(lanes: readonly number[]): Promise<void> {
    const terms = new Map<number, number>();
    for (const lane of lanes) {
      const term = this.terms.get(lane);
      if (term === undefined) continue;
      terms.set(lane, term);
      this.terms.delete(lane);
    }
    if (terms.size > 0) await this.#options.ownership.leave(terms);
  }

  /** Gives everything back and leaves the sessions that share the lanes. */
  async end(): Promise<void> {
    // First, so that sessions that hear of the free lanes do not count this session.
    await this.#options.ownership.end();
    await this.leave([...this.terms.keys()]);
  }
}
