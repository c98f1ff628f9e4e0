/**
 * Channel names and lock keys: here, and in the SQL that uses them, nowhere else. Keys are those of the schema `sluice`, and
 * channels are named without their schema: see schema.ts.
 */

/** First keys of the two-key advisory locks. The second key is told beside each. */
export const lockKeys = {
  /** Second key 0: one migration at a time. */
  migration: 1_936_486_756,
  /** Second key: the lane. Held by the session that leads it. */
  lane: 1_936_486_757,
  /** Second key: the backend's process id. Held by every session that shares the lanes; awaited by its neighbour. */
  session: 1_936_486_758,
  /** Second key: how many sessions are to lead, and why, in one number. Held, shared, by every session that shares the lanes. */
  demand: 1_936_486_759,
} as const;

/** So many lanes have channels of their own. With more, a writer is told of lanes that it does not lead, and ignores them. */
export const laneChannels = 64;

export const channels = {
  /** All writers listen: there may be new writes. Payload, of operators and of older nodes: none, which means any lane. */
  wakeup: 'wakeup',
  /** Leaders of this lane, and of those that share its channel, listen: new writes are in these lanes. See `packLanes`. */
  lane: (lane: number): string => `wakeup_${lane % laneChannels}`,
  /** Writers listen: lanes may be free. No payload. */
  lanes: 'lanes',
  /** Writers listen: these ids, awaited in these lanes, have changed. Payload: see `packProvided`. */
  provided: 'provided',
  /** All listeners listen, and one that has heard nothing for a while notifies: notifications arrive. No payload. */
  echo: 'echo',
  /** One node listens: these of your writes are settled. Payload: write ids, see `packIds`. */
  node: (node: number): string => `node_${node}`,
} as const;
