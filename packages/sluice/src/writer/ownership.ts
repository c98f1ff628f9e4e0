/** How a session comes to own lanes: two forms, under one conformance suite (test/spec/ownership.test.ts). */
import type { Row } from '#store';
import type { Demand } from './lane-demand.ts';

/** A lane whose next term this session has begun. */
export interface OpenedLane {
  lane: number;
  term: number;
  /** Its leader before ended without leaving: the lane is in quarantine. */
  isQuarantined: boolean;
  /** Tries of its writes that have begun in a row and not ended. */
  tries: number;
  /** The write that was tried alone last, if it did. */
  tried: string | null;
}

export interface Ownership {
  /** Lanes are owned by leases: what the heartbeat looks at. */
  readonly isLease: boolean;
  /** Names this session among those who share the lanes, where their process ids do not. */
  readonly sessionId: string | null;
  /** Joins those who share the lanes. */
  join(demand: Demand): Promise<void>;
  /**
   * Keeps what this session leads, if that needs anything, and shows the others what it demands.
   * @throws {DeposedError} if another leads one of the lanes by now
   */
  keep(terms: ReadonlyMap<number, number>, demand: Demand): Promise<void>;
  /** Takes those of the lanes that are free and begins their next terms. */
  take(lanes: readonly number[]): Promise<OpenedLane[]>;
  /** Ends these terms in order, gives the lanes back and wakes the sessions that may take them. */
  leave(terms: ReadonlyMap<number, number>): Promise<void>;
  /** Leaves those who share the lanes. */
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
