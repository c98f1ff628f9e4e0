/** How a session comes to own lanes: two forms with one conformance suite (test/spec/ownership.test.ts). */
import type { Row } from '#store';
import type { Demand } from './lane-demand.ts';

/** A lane whose next term this session has begun. */
export interface OpenedLane {
  lane: number;
  term: number;
  /** Its previous leader ended without leaving, so the lane is in quarantine. */
  isQuarantined: boolean;
  /** Consecutive tries of its writes that have begun and not ended. */
  tries: number;
  /** The write that was last tried alone, if any. */
  tried: string | null;
}

export interface Ownership {
  /** Names this session among those that share the lanes by leases. Null: by locks, which name it by its process id. */
  readonly sessionId: string | null;
  /** Joins the sessions that share the lanes. */
  join(demand: Demand): Promise<void>;
  /**
   * Keeps the led lanes, if that needs a statement, and shows the other sessions the demand.
   * @throws {DeposedError} if another session leads one of the lanes now
   */
  keep(terms: ReadonlyMap<number, number>, demand: Demand): Promise<void>;
  /** Takes those of the lanes that are free, and begins their next terms. */
  take(lanes: readonly number[]): Promise<OpenedLane[]>;
  /** Ends these terms in order, gives the lanes back, and wakes the sessions that may take them. */
  leave(terms: ReadonlyMap<number, number>): Promise<void>;
  /** Leaves the sessions that share the lanes. */
  end(): Promise<void>;
}

export function openedLane(row: Row): OpenedLane {
  return {
    lane: row['lane'] as number,
    term: row['term'] as number,
    isQuarantined: row['is_quarantined'] === true,
    tries: row['trials'] as number,
    tried: row['tried'] as string | null,
  };
}
