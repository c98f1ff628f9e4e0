/**
 * What operators see and do, as plain data: behind the command line and the page. Times are ISO 8601 by the database's
 * clock, ages are seconds by the same. No body of a document is in any of it, but for `showBody`; identities of documents that a blocked
 * write awaits are, but only where a model is given to name them.
 */
import type { Load, Operation, Outcome, Reason, Standing, WriterState } from '#protocol';
import type { LockHolder as LaneLockHolder } from '#store';

/** The leader of a lane, and what keeps its ready writes waiting. */
export interface Leadership {
  lane: number;
  /** Why a ready write of this lane waits; `ready`: only for its turn. */
  reason: Exclude<Reason, 'blocked' | 'locked' | 'dead_letter'>;
  isLed: boolean;
  /** Number of leaderships so far. */
  term: number;
  /** Writer that leads it, or led it last; null: none ever did, or retention deleted its row. */
  writer: { writerId: string; host: string; processId: number } | null;
  ledSince: string | null;
  /** A leader that died left no word: then the last sign of life that is known of it. */
  leaderlessSince: string | null;
  pausedAt: string | null;
  pausedBy: string | null;
  retry: { error: string | null; attempt: number; since: string; nextAt: string } | null;
  /** Another program holds the lane's lock: no writer can lead it until that is over. */
  lockedBy: LaneLockHolder | null;
  /** Its leader died, perhaps of a write: since then its ready writes are tried in parts. */
  quarantinedSince: string | null;
}

export interface LaneStatus extends Leadership {
  ready: number;
  blocked: number;
  /** Since when the oldest write waits. */
  oldestAcceptedAt: string | null;
}

/** A session that shares the lanes. */
export interface SessionStatus {
  /** Process id of the server's side; null: it leads by leases. */
  pid: number | null;
  writer: { writerId: string; host: string; processId: number } | null;
  /** Lanes that it leads; 0: it stands by. */
  lanes: number;
  /** Sessions that it wants to lead, with this one; the greatest of all counts. Null: it is of an earlier version. */
  wantedSessions: number | null;
  load: Load | null;
  /** Share of two seconds that it has spent on batches. */
  busyPercent: number | null;
}

export interface WriterStatus {
  writerId: string;
  state: WriterState;
  host: string;
  processId: number;
  version: string;
  /** Lanes that it leads. */
  lanes: number;
  startedAt: string;
  /** Its last sign of life in the database; whether it lives is told by `state`. */
  seenAt: string;
  stoppedAt: string | null;
}

/** All conditions hold together; none given: every write that waits or is a dead letter. */
export interface StuckFilter {
  /** Accepted at least this long ago. */
  olderThanSeconds?: number;
  lane?: number;
  client?: string;
  /** Endpoint of a resource, `shop/orders`, or name of a target, `public.orders`, where the schema `public` may be left out. */
  resource?: string;
  reason?: Reason;
  /** SQLSTATE of the error that is retried or made a dead letter. */
  error?: string;
}

export interface StuckPage {
  /** `next` of the page before. @default the oldest first */
  after?: string;
  /** @default 100, at most 1000 */
  limit?: number;
  /** Writes that wait for less are left out; dead letters, which do not change by waiting, never are. @default 0 */
  patienceSeconds?: number;
}

/** The error of a dead letter, or of a lane that is retried: nothing of any row. */
export interface StuckError {
  /** SQLSTATE; null: an error of the program. */
  code: string | null;
  constraint: string | null;
  table: string | null;
}

/** A session that has locked rows in a transaction. */
export interface LockHolder {
  /** Process id of the server's side. */
  pid: number;
  application: string;
  /** When its transaction began; null: this role may not know. */
  since: string | null;
}

/** What a blocked write awaits: a document, a write ahead, or a lock. */
export interface Awaited {
  /** ReferentialId of the document, or the id of the write ahead; where it waits for a lock, its own. */
  awaitedId: string;
  kind: 'reference' | 'predecessor' | 'lock';
  standing: Standing;
  since: string;
  /** Code of the outcome of the write that would have provided it, where known. */
  failure: string | null;
  /** The write on its way that would provide it. */
  provider: { writeId: string; lane: number; resource: string; reason: Reason } | null;
  /** Name of the resource referred to: where a model is given, or a provider is on its way (its endpoint). Of a row the table. */
  resource: string | null;
  /** Identity of what is referred to, `schoolId=255901001`: of a document only where a model is given, of a row only in `showWrite`. */
  identity: string | null;
  /** Place of the reference in the document, where a model is given; columns of the foreign key of a row. */
  path: string | null;
}

export interface StuckWrite {
  writeId: string;
  reason: Reason;
  lane: number;
  operation: Operation;
  resource: string;
  client: string;
  documentId: string;
  acceptedAt: string;
  ageSeconds: number;
  /** Since when it is blocked or a dead letter; else when it was accepted. */
  since: string;
  /** Until when it was told to wait for references that no client has submitted. */
  referenceDeadline: string | null;
  /** How many things it awaits. */
  awaitsCount: number;
  /** The first of them, those that no client has submitted ahead. */
  awaits: Awaited[];
  /** The lane, where it is what the write waits for: `lane_without_leader`, `lane_paused`, `retrying`. */
  leadership: Leadership | null;
  /** `locked`, `retrying`: holders of locks on rows that it may wait for, as far as the rows tell. */
  heldBy: LockHolder[];
  /** `retrying`, `dead_letter`. */
  error: StuckError | null;
  attempts: number | null;
  /** `retrying`: when the next attempt begins. */
  nextAt: string | null;
}

export interface StuckList {
  writes: StuckWrite[];
  /** For the next page; null: this is the last. */
  next: string | null;
}

export interface StuckCounts {
  total: number;
  /** Counting ended: there are at least so many. */
  isBounded: boolean;
  reasons: Partial<Record<Reason, { writes: number; withinDeadline: number; oldestSeconds: number }>>;
}

export interface Status {
  /** By the database's clock, ISO 8601. */
  readAt: string;
  isHealthy: boolean;
  /** What wants attention, each as a phrase; empty: nothing. */
  problems: string[];
  schemaVersion: number | null;
  modelHash: string | null;
  documents: number;
  references: number;
  /** Documents or references are estimated, because there are many. */
  isEstimated: boolean;
  /** Writes accepted and not settled. */
  backlog: number;
  blocked: number;
  deadLetters: number;
  /** For how long the oldest of the backlog has waited; null: none waits. */
  oldestSeconds: number | null;
  lanesWithoutLeader: number;
  lanesPaused: number;
  lanesRetrying: number;
  /** Writers that live. */
  writers: number;
  /** Age from which writes are counted in `waiting`. */
  olderThanSeconds: number;
  /** Dead letters included. */
  waiting: StuckCounts;
  lanes: LaneStatus[];
}

/** One link of a chain: `blockedId` awaits `awaitedId`, `depth` steps away from the write asked for. */
export interface ChainLink extends Awaited {
  depth: number;
  blockedId: string;
}

/** The row, or the first of them, that a write to a target is about. */
export interface ShownRow {
  /** Values of its key by column or path. Null: the database gives it, or they are not known any more. */
  key: Readonly<Record<string, unknown>> | null;
  /** How many rows the write has; null: it is settled. */
  rows: number | null;
}

export interface ShownWrite {
  writeId: string;
  /** Null: the write is about a document. */
  row: ShownRow | null;
  /** Null once it is settled and no dead letter. */
  stuck: StuckWrite | null;
  /** Nearest first; 200 links at most. */
  chain: ChainLink[];
  /** The lane's own state, as it bears on when a blocked write is looked at. */
  lane: LaneStatus | null;
  outcome: (Outcome & { client: string; lane: number; settledAt: string }) | null;
}

/** Of the writes made in one minute, those that are settled. */
export interface ActivityMinute {
  /** When it began. */
  minute: string;
  writes: number;
  refused: number;
  notApplied: number;
  /** From the making of a write to its outcome; null: none was settled. */
  p50Ms: number | null;
  p99Ms: number | null;
  /** Told from a part of them. */
  isSampled: boolean;
  /** Writes of each lane that had any. */
  lanes: Record<string, number>;
}

export interface LaneActivity {
  lane: number;
  writesPerSecond: number;
  /** Of the batches that settled writes of this lane, of all lanes together. */
  batchWrites: number;
  /** From the beginning of such a batch to its last outcome. */
  batchMs: number;
}
