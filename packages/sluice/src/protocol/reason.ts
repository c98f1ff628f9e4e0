/** Why a write is not settled yet: the same words for SQL, the command line, the page and metrics. */

/** What each reason means, to end the sentence "It …". */
export const reasons = {
  ready: 'waits its turn',
  lane_without_leader: 'waits in a lane without a leader',
  lane_paused: 'waits in a paused lane',
  retrying: 'waits in a lane whose leader retries a batch',
  blocked: 'waits for a document, a row, or an earlier write',
  locked: 'waits for a row that another transaction has locked',
  dead_letter: 'is a dead letter because it failed alone, repeatedly',
} as const;

export type Reason = keyof typeof reasons;

/** The state of an awaited thing, to end the sentence "It …". */
export const standings = {
  pending: 'is in the intake',
  blocked: 'is in the intake and blocked itself',
  refused: 'was refused or not applied',
  never_seen: 'has not been submitted',
  locked: 'another transaction has locked',
  committed: 'exists now; the write continues when the leader checks its lane',
} as const;

export type Standing = keyof typeof standings;

export type WriterState = 'leading' | 'standing by' | 'draining' | 'stopped' | 'gone';
