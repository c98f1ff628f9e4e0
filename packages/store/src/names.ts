/** Channel names and lock keys: here, and in the SQL that uses them, nowhere else. */

/** First keys of the two-key advisory locks. The second key is told beside each. */
export const lockKeys = {
  /** Second key 0: one migration at a time. */
  migration: 1_936_486_756,
  /** Second key: the lane. Held by the session that leads it. */
  lane: 1_936_486_757,
  /** Second key: the backend's process id. Held by every session that shares the lanes; awaited by its neighbour. */
  session: 1_936_486_758,
} as const;

export const channels = {
  /** Writers listen: new writes are in these lanes. Payload: see `packLanes`; none: in any. */
  wakeup: 'sluice_wakeup',
  /** Writers listen: lanes may be free. No payload. */
  lanes: 'sluice_lanes',
  /** Writers listen: these ids, awaited in these lanes, have changed. Payload: see `packProvided`. */
  provided: 'sluice_provided',
  /** One node listens: these of your writes are settled. Payload: write ids, see `packIds`. */
  node: (node: number): string => `sluice_node_${node}`,
} as const;
