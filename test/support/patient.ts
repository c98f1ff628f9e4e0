/** Limits of a node, so long that no stall of the machine reaches them. Tests of the limits set their own. */
export const patient = { waitMs: 60_000, leaderGraceMs: 60_000, highWaterMs: 120_000 } as const;
