/**
 * Who leads which lanes. The advisory lock elects, the term fences: a lane's lock is held by the session that commits
 * its batches, and every batch compares the lane's term first. Sessions share the lanes evenly, by counting the locks
 * with which each says that it lives. docs/leadership.md tells the rules and their reasons.
 */
import type { Session } from '@sluice/store';

export interface Beat {
  hasReady: boolean;
  hasBlocked: boolean;
  hasBlockedElsewhere: boolean;
  /** Lanes go on that were paused. */
  hasResumed: boolean;
  /** An operator wants this writer to give up its lanes and to end. */
  isDraining: boolean;
}

export interface ElectorOptions {
  lanes: number;
  writerId: string;
}

export class Elector {
  readonly #session: Session;
  readonly #options: ElectorOptions;
  /** The lanes that this session leads, and its term in each. */
  readonly terms = new Map<number, number>();
  /** Lanes, of any leader, that an operator has paused. */
  readonly paused = new Set<number>();

  constructor(session: Session, options: ElectorOptions) {
    this.#session = session;
    this.#options = options;
  }

  /** Joins those who share the lanes. */
  async join(): Promise<void> {
    await this.#session.run('announceSession');
    await this.#session.run('noteSession', [this.#options.writerId]);
  }

  /** Looks around, and takes or gives back lanes until this session has its share. */
  async beat(): Promise<Beat> {
    const led = [...this.terms.keys()];
    const [row] = await this.#session.run('beat', [led, this.#options.writerId]);
    const isDraining = row?.['is_draining'] === true;
    const hasResumed = this.#notePaused(row?.['paused_lanes'] as number[]);
    const sessions = Math.max(1, row?.['sessions'] as number);
    const share = Math.ceil(this.#options.lanes / sessions);
    if (led.length > share) await this.leave(led.slice(share));
    let hasNew = false;
    if (led.length < share && !isDraining) {
      const taken = new Set(row?.['led_lanes'] as number[]);
      const free = Array.from({ length: this.#options.lanes }, (_, lane) => lane).filter(
        (lane) => !taken.has(lane),
      );
      hasNew = await this.#lead(free.slice(0, share - led.length));
    }
    return {
      // What waits in lanes that were just taken is not known yet.
      hasReady: hasNew || row?.['has_ready'] === true,
      hasBlocked: hasNew || row?.['has_blocked'] === true,
      hasBlockedElsewhere: row?.['has_blocked_elsewhere'] === true,
      hasResumed,
      isDraining,
    };
  }

  /** True if a lane that was paused no longer is. */
  #notePaused(lanes: readonly number[]): boolean {
    const now = new Set(lanes);
    const hasResumed = [...this.paused].some((lane) => !now.has(lane));
    this.paused.clear();
    for (const lane of now) this.paused.add(lane);
    return hasResumed;
  }

  /**
   * Takes the locks in a statement of their own: what is read after it sees all that the leader before has committed.
   * Opening the term waits for a batch of that leader which is still open, and shuts out its next one.
   */
  async #lead(lanes: readonly number[]): Promise<boolean> {
    if (lanes.length === 0) return false;
    const locked = await this.#session.run('tryLanes', [lanes]);
    if (locked.length === 0) return false;
    const opened = await this.#session.run('openTerms', [
      locked.map((row) => row['lane'] as number),
      this.#options.writerId,
    ]);
    for (const row of opened) this.terms.set(row['lane'] as number, row['term'] as number);
    return true;
  }

  /** Gives lanes back and wakes whoever may take them. */
  async leave(lanes: readonly number[]): Promise<void> {
    if (lanes.length === 0) return;
    for (const lane of lanes) this.terms.delete(lane);
    await this.#session.flight([
      { name: 'closeTerms', values: [lanes, this.#options.writerId] },
      { name: 'unlockLanes', values: [lanes] },
      { name: 'hintWriters', isOptional: true },
    ]);
  }
}
