/**
 * What a write means. The coordinator finds the writes of a batch, runs the transaction, isolates what fails, and records
 * outcomes; a target decides what each of its writes does, and does it. The coordinator knows nothing else of a target.
 */
import type { Outcome, WriteHeader } from '#protocol';
import type { BatchTransaction } from './batch-transaction.ts';
import { keyOf } from './idempotency.ts';
import type { LentTransaction } from './lend-session.ts';

export interface Target {
  /** Unique; named in errors. */
  readonly name: string;
  /** Whether writes of this resource are its own. Each resource has one target. */
  owns(resource: string): boolean;
  /**
   * Settles its writes of a batch inside the batch's transaction. Statements whose answers it does not need, it queues;
   * they are sent ahead of the next target's, at the latest with the COMMIT. It may be called again, in another transaction,
   * with all or some of the same writes: whatever it does outside of the transaction must bear that.
   *
   * It keeps the order of writes to one row: while one is not settled, later ones are deferred, or blocked on it. The query
   * `readAhead` finds those that stand in the intake outside of the batch: blocked ones, and for writes that bypass the
   * intake all, because these come last.
   * @throws {TargetError} where one of the writes, or several, cannot be applied: the batch is tried in halves until the
   *   write that causes it stands alone, and that one is refused or becomes a dead letter
   * @throws {DatabaseError} anything else of the server: tried again where it may pass, else isolated in the same way
   */
  settle(batch: TargetBatch): Promise<Settlement>;
  /** By the ids of writes in the intake: a transaction that holds a lock which the write waits for. @default none is known */
  findLockers?(look: LentTransaction, writes: readonly WriteHeader[]): Promise<Map<string, string>>;
}

/** The writes of one target in a batch, and what is known of them. */
export interface TargetBatch {
  readonly transaction: BatchTransaction;
  /** In order of arrival. None of them is settled. */
  readonly writes: readonly WriteHeader[];
  /** The lanes have blocked writes, which may come before these. */
  readonly hasBlocked: boolean;
  /** A lock was waited for in vain: look for every row that the batch may have to wait for. */
  readonly looksForLocks: boolean;
  /** No other write waits with it, so it may wait for a row that another transaction has locked. */
  readonly mayWait: boolean;
  /** All is settled in this one try, or nothing: what only a leader can settle is deferred at once. */
  readonly isAtOnce: boolean;
}

export interface SettledWrite {
  write: WriteHeader;
  outcome: Outcome;
}

export interface BlockedWrite {
  write: WriteHeader;
  /** Identity keys, or ids of writes that come first; its own id where it waits for a lock. */
  awaits: string[];
}

/** What became of a target's writes: each of them is in one of the first three. */
export interface Settlement {
  /** In order of arrival. */
  outcomes: SettledWrite[];
  /** They go with the next batch. */
  deferred: WriteHeader[];
  /** They wait until one of the things that they await has changed. */
  blocked: BlockedWrite[];
  /** Settled writes whose idempotency keys this batch binds. */
  keys: { write: WriteHeader; fingerprint: string }[];
  /** Identity keys that exist from now on: blocked writes may await them. */
  provided: string[];
  /**
   * The target's own statements record the outcomes and take the writes out of the intake.
   * @default false: the coordinator does so
   */
  isRecorded?: boolean;
  /** Of constraints that are checked at the end only: the target's fault, if the error is one. @default there are none */
  faultAtEnd?: (error: unknown) => unknown;
  /** Milliseconds spent on reading and on deciding, for the report. @default 0: all was doing */
  readMs?: number;
  planMs?: number;
}

export function emptySettlement(): Settlement {
  return { outcomes: [], deferred: [], blocked: [], keys: [], provided: [] };
}

/** A write that waits for a lock awaits itself, because only its leader, which tries it again, can wake it. */
export function waitsForLock({ write, awaits }: BlockedWrite): boolean {
  return awaits.includes(write.writeId);
}

/**
 * The writes of each target, in the order in which they are settled: that of the targets. An idempotency key is bound
 * once, so a write whose key another target's write has in the same batch is deferred. Strangers are of no target: the deployment
 * may have agreed on targets that this process, which is about to be replaced, does not know.
 */
export function divide(
  writes: readonly WriteHeader[],
  targets: readonly Target[],
): {
  shares: { target: Target; writes: WriteHeader[] }[];
  deferred: WriteHeader[];
  strangers: WriteHeader[];
} {
  const shares = targets.map((target) => ({ target, writes: [] as WriteHeader[] }));
  const deferred: WriteHeader[] = [];
  const strangers: WriteHeader[] = [];
  const holders = new Map<string, Target>();
  for (const write of writes) {
    const share = shares.find(({ target }) => target.owns(write.resource));
    if (share === undefined) {
      strangers.push(write);
      continue;
    }
    const key = targets.length === 1 ? null : keyOf(write);
    const holder = key === null ? share.target : (holders.get(key) ?? share.target);
    if (key !== null) holders.set(key, holder);
    if (holder === share.target) share.writes.push(write);
    else deferred.push(write);
  }
  return { shares: shares.filter((share) => share.writes.length > 0), deferred, strangers };
}
