/** When a node settles writes itself, and under which limits. docs/modes.md has the limits of all sessions that settle. */

export interface SettlePolicy {
  /** Name of its sessions in metrics. */
  pool: 'batches' | 'fast_path';
  /** Most writes in one batch. */
  writesMax: number;
  /** A batch starts when it has `writesMax` writes, or its oldest has waited for so many milliseconds. 0: no wait. */
  delayMs: number;
  /** Most concurrent batches, each on a session of its own. */
  sessionsMax: number;
  /** True: one try under the locks of the lanes, all writes or none; the rest goes to the intake. False: tried until settled. */
  isOneTry: boolean;
  limits: Readonly<Record<string, string>>;
  /** Longer than the longest of the limits. */
  answerTimeoutMs: number;
}

/**
 * A write waits for locks of others no longer than it would with a leader, and a frozen node keeps its locks no
 * longer. A batch that meets a limit is retried like a leader's batch. Then the answer is that nothing was applied.
 */
const ownBatches = {
  pool: 'batches',
  isOneTry: false,
  limits: {
    lock_timeout: '1s',
    statement_timeout: '10s',
    idle_in_transaction_session_timeout: '2s',
    transaction_timeout: '20s',
  },
  answerTimeoutMs: 22_000,
} as const;

/** `direct` mode: each write alone, without delay, over many sessions. */
export function always({ sessionsMax = 32 }: { sessionsMax?: number }): SettlePolicy {
  return { ...ownBatches, writesMax: 1, delayMs: 0, sessionsMax };
}

/** `local` mode: writes that gathered while the few sessions were busy, up to a count or an age. */
export function byCountAndAge({
  maxBatchWrites: writesMax,
  maxBatchDelayMs: delayMs,
  sessionsMax = 2,
}: {
  maxBatchWrites: number;
  maxBatchDelayMs: number;
  sessionsMax?: number;
}): SettlePolicy {
  return { ...ownBatches, writesMax, delayMs, sessionsMax };
}

/** `coordinated` mode with a bypass: each write alone that its lane does not take. */
export const onOverflow = always;

/**
 * The fast path of `coordinated` mode: all writes that came together, if they are few and the node has no others.
 * Leaders wait for the lanes meanwhile, and give up after a second. A frozen node, or one that meets a lock, ends
 * sooner.
 */
export function whileIdle(writesMax: number): SettlePolicy {
  return {
    pool: 'fast_path',
    writesMax,
    delayMs: 0,
    sessionsMax: 1,
    isOneTry: true,
    limits: {
      lock_timeout: '200ms',
      statement_timeout: '5s',
      idle_in_transaction_session_timeout: '500ms',
      transaction_timeout: '5s',
    },
    answerTimeoutMs: 6000,
  };
}
