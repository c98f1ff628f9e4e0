/** Why a write is not settled yet: one vocabulary for SQL, the command line, the page and metrics. */

/** What each reason means, to end the sentence "It …". */
export const reasons = {
  ready: 'waits its turn',
  lane_without_leader: 'waits in a lane without a leader',
  lane_paused: 'waits in a paused lane',
  retrying: 'waits in a lane whose leader tries again',
  blocked: 'waits for a document, a row, or a write ahead of it',
  locked: 'waits for a row that another transaction has locked',
  dead_letter: 'is a dead letter because it failed alone, repeatedly',
} as const;

export type Reason = keyof typeof reasons;

/** Where that stands which a blocked write awaits, to end the sentence "It …". */
export const standings = {
  pending: 'is on its way',
  blocked: 'is on its way and blocked itself',
  refused: 'was on its way and came to nothing',
  never_seen: 'has not been submitted',
  locked: 'another transaction has locked',
  committed: 'is there; the write wakes when its lane is looked at',
} as const;

export type Standing = keyof typeof standings;

export type WriterState = 'leading' | 'standing by' | 'draining' | 'stopped' | 'gone';
