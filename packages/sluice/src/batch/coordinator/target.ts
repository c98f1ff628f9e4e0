/**
 * The meaning of writes. The coordinator finds the writes of a batch, runs the transaction, isolates faults and
 * records outcomes. A target decides and applies each of its writes. The coordinator knows nothing else of a target.
 * The targets are documents/settle-documents.ts, tables/table-target.ts and calls/call-target.ts.
 */
import type { Outcome, WriteHeader } from '#protocol';
import type { DatabaseError } from '#store';
import type { BatchTransaction } from './batch-transaction.ts';
import { keyOf } from './idempotency.ts';
import type { LentTransaction } from './lend-session.ts';

export interface Target {
  /** Unique; named in errors. */
  readonly name: string;
  /** Whether writes of this resource belong to the target. Each resource has exactly one target. */
  owns(resource: string): boolean;
  /**
   * Settles the target's writes inside the batch's transaction. The target queues statements whose answers it does
   * not need; they are sent before those of the next target, at the latest with the COMMIT. The batch may call it
   * again in another transaction, with all or some of the same writes. Any effect outside of the transaction must
   * allow for that.
   *
   * The target keeps the order of writes to one row: if one is not settled, later ones are deferred, or blocked on
   * it. The query `readAhead` finds earlier writes in the intake outside of the batch. These are or were blocked;
   * for writes outside of the intake they are all, because such writes come last.
   * @throws {TargetError} if one write or several cannot be applied: the batch is tried in halves until the faulty
   *   write is alone, which is then refused or becomes a dead letter
   * @throws {DatabaseError} any other error of the server: retried if it is transient, else isolated in the same way
   */
  settle(batch: TargetBatch): Promise<Settlement>;
  /** By the ids of writes in the intake: a transaction that holds a lock which the write waits for. @default none is known */
  findLockers?(look: LentTransaction, writes: readonly WriteHeader[]): Promise<Map<string, string>>;
}

/** The writes of one target in a batch, and what is known of them. */
export interface TargetBatch {
  readonly transaction: BatchTransaction;
  /** In order of arrival; none of them is settled. */
  readonly writes: readonly WriteHeader[];
  /** The lanes have blocked writes, which may come before these writes. */
  readonly hasBlocked: boolean;
  /**
   * Blocked writes from an earlier part of a batch of the memory of a node. They come before these writes, and no query
   * finds them.
   */
  readonly ahead: readonly WriteHeader[];
  /** A wait for a lock was in vain, so the target finds every locked row that the batch needs before it waits. */
  readonly looksForLocks: boolean;
  /** The transaction has no other write, of any target: an error is one of this write. */
  readonly isAlone: boolean;
  /** No other write waits with this one, so it may wait for a row that another transaction has locked. */
  readonly mayWait: boolean;
  /** All writes are settled in this try, or none. Writes that only a leader can settle are deferred. */
  readonly isAtOnce: boolean;
}

export interface SettledWrite {
  write: WriteHeader;
  outcome: Outcome;
}

export interface BlockedWrite {
  write: WriteHeader;
  /** Identity keys, or ids of earlier writes; the id of the write itself if it waits for a lock. */
  awaits: string[];
}

/** The results of a target's writes. Each write is in exactly one of the first three lists. */
export interface Settlement {
  /** In order of arrival. */
  outcomes: SettledWrite[];
  /** Writes that go with the next batch. */
  deferred: WriteHeader[];
  /** Writes that wait until one of the awaited things has changed. */
  blocked: BlockedWrite[];
  /** Settled writes whose idempotency keys this batch binds. */
  keys: { write: WriteHeader; fingerprint: string }[];
  /** Identity keys that exist after this batch; blocked writes may await them. */
  provided: string[];
  /**
   * The target's own statements record the outcomes and take the writes out of the intake.
   * @default false: the coordinator does so
   */
  isRecorded?: boolean;
  /** The target's fault, if a constraint that is checked at the COMMIT does not hold. @default no such constraints */
  faultAtEnd?: (error: DatabaseError) => Error;
  /** Milliseconds spent on reading and planning, for the report. @default 0 */
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
 * The writes of each target, in the order of the targets. An idempotency key is bound once: if two targets have a
 * write of one key, the second is deferred. Strangers are writes of unknown targets. The deployment may have agreed
 * on targets that this process, which is about to be replaced, does not know.
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
