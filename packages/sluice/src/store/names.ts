/**
 * Channel names and lock keys: here, and in the SQL that uses them, nowhere else. Keys are those of the schema
 * `sluice`, and channels are named without their schema; see schema.ts.
 */

/** First keys of the two-key advisory locks. The comment at each describes the second key. */
export const lockKeys = {
  /** Second key 0: one migration at a time. */
  migration: 1_936_486_756,
  /** Second key: the lane. Held by the session that leads it. */
  lane: 1_936_486_757,
  /** Second key: the process id of the backend. Every session that shares the lanes holds it; its neighbour waits for it. */
  session: 1_936_486_758,
  /** Second key: how many sessions should lead, and why, in one number. Every session that shares the lanes holds it, shared. */
  demand: 1_936_486_759,
} as const;

/** Lanes with channels of their own. With more lanes, a writer also hears of lanes that it does not lead, and ignores them. */
const laneChannels = 64;

export const channels = {
  /** All writers listen: there may be new writes. The payload of operators and older nodes is empty, which means any lane. */
  wakeup: 'wakeup',
  /** The leaders of the lanes of this channel listen: these lanes have new writes. See `packLanes`. */
  lane: (lane: number): string => `wakeup_${lane % laneChannels}`,
  /** Writers listen: lanes may be free. No payload. */
  lanes: 'lanes',
  /** Writers listen: these ids, awaited in these lanes, have changed. Payload: see `packProvided`. */
  provided: 'provided',
  /** All listeners listen. A listener that has heard nothing for a while notifies it, to check that notifications arrive. No payload. */
  echo: 'echo',
  /** One node listens: these of its writes are settled. Payload: write ids, see `packIds`. */
  node: (node: number): string => `node_${node}`,
} as const;
