/** When a node settles writes itself, and under which limits. docs/modes.md has the limits of all sessions that settle. */
import { defaults } from '#protocol';

export interface SettlePolicy {
  /** Name of its sessions in metrics. */
  pool: 'batches' | 'fast_path';
  /** Writes in one batch, at most. */
  writesMax: number;
  /** A batch begins once it has as many writes, or its oldest has waited so long. 0: at once. */
  delayMs: number;
  /** Batches under way, each on a session of its own. */
  sessionsMax: number;
  /** One try under the locks of the lanes, all writes or none; the rest is left to the intake. False: tried until settled. */
  isOneTry: boolean;
  limits: Readonly<Record<string, string>>;
  /** Above the longest of the limits. */
  answerTimeoutMs: number;
}

/**
 * A write waits for the locks of others no longer than it would with a leader, and a node that is frozen keeps its own no
 * longer. What meets a limit is tried again as in a leader's batch, and then answered: nothing was applied.
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

/** `direct` mode: each write alone, at once, over many sessions. */
export function always({ sessionsMax = 32 }: { sessionsMax?: number | undefined }): SettlePolicy {
  return { ...ownBatches, writesMax: 1, delayMs: 0, sessionsMax };
}

/** `local` mode: what has gathered while the few sessions were busy, or until so many wait, or for so long. */
export function byCountAndAge({
  maxBatchWrites: writesMax = defaults.maxBatchWrites,
  maxBatchDelayMs: delayMs = defaults.maxBatchDelayMs,
  sessionsMax = 2,
}: {
  maxBatchWrites?: number | undefined;
  maxBatchDelayMs?: number | undefined;
  sessionsMax?: number | undefined;
}): SettlePolicy {
  return { ...ownBatches, writesMax, delayMs, sessionsMax };
}

/** `coordinated` mode with a bypass: each write alone that its lane does not take. */
export const onOverflow = always;

/**
 * The fast path of `coordinated` mode: all that have come together, if they are few and the node has nothing else under way.
 * Leaders wait for the lanes meanwhile, for a second before they give up: a node that is frozen, and one that meets a lock,
 * ends sooner.
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
