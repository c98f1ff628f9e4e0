/**
 * The views and actions of operators as plain data, for the command line and the page. Times are ISO 8601 and ages
 * are seconds, both by the database's clock. Only `showBody` has the body of a document. Identities of awaited
 * documents are shown only if a model is given to name them.
 */
import type { Load, Operation, ParsedOutcome, Reason, Standing, WriterState } from '#protocol';
import type { LockHolder as LaneLockHolder } from '#store';

/** The leader of a lane, and why its ready writes wait. */
export interface Leadership {
  lane: number;
  /** Why a ready write of this lane waits; `ready`: only because earlier writes come first. */
  reason: Exclude<Reason, 'blocked' | 'locked' | 'dead_letter'>;
  isLed: boolean;
  /** Number of leaderships so far. */
  term: number;
  /** Writer that leads it, or led it last; null: none ever did, or retention deleted its row. */
  writer: { writerId: string; host: string; processId: number } | null;
  ledSince: string | null;
  /** Since when the lane has no leader. If a leader died, its last known heartbeat. */
  leaderlessSince: string | null;
  pausedAt: string | null;
  pausedBy: string | null;
  retry: { error: string | null; attempt: number; since: string; nextAt: string } | null;
  /** Another program holds the lane's lock, so no writer can lead the lane meanwhile. */
  lockedBy: LaneLockHolder | null;
  /** Since when the lane's ready writes are tried in parts, because its leader died, perhaps of one of them. */
  quarantinedSince: string | null;
}

export interface LaneStatus extends Leadership {
  ready: number;
  blocked: number;
  /** When the oldest waiting write was accepted. */
  oldestAcceptedAt: string | null;
}

/** A session that shares the lanes. */
export interface SessionStatus {
  /** Process id of its backend; null: it leads by leases. */
  pid: number | null;
  writer: { writerId: string; host: string; processId: number } | null;
  /** Lanes that it leads; 0: it is a standby. */
  lanes: number;
  /** Sessions that it wants to lead, including itself; the greatest number of all counts. Null: its version is older. */
  wantedSessions: number | null;
  load: Load | null;
  /** Percentage of two seconds that it has spent on batches. */
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
  /** Its last update in the database; `state` says whether it lives. */
  seenAt: string;
  stoppedAt: string | null;
}

/** All conditions must hold; without any: every waiting write and every dead letter. */
export interface StuckFilter {
  /** The write was accepted at least this many seconds ago. */
  olderThanSeconds?: number;
  lane?: number;
  client?: string;
  /** Endpoint of a resource, `shop/orders`, or name of a target, `public.orders`; the schema `public` may be left out. */
  resource?: string;
  reason?: Reason;
  /** SQLSTATE of the error of a retried lane or a dead letter. */
  error?: string;
}

export interface StuckPage {
  /** `next` of the previous page. @default the oldest first */
  after?: string;
  /** @default 100, at most 1000 */
  limit?: number;
  /** Leaves out writes that have waited for fewer seconds, but no dead letters. @default 0 */
  patienceSeconds?: number;
}

/** The error of a dead letter, or of a retried lane, without any value of a row. */
export interface StuckError {
  /** SQLSTATE; null: an error of the program. */
  code: string | null;
  constraint: string | null;
  table: string | null;
}

/** A session whose open transaction has locked rows. */
export interface LockHolder {
  /** Process id of its backend. */
  pid: number;
  application: string;
  /** When its transaction began; null: this role may not see it. */
  since: string | null;
}

/** A thing that a blocked write awaits: a document, an earlier write, or a lock. */
export interface Awaited {
  /** ReferentialId of the document, or id of the earlier write; for a lock, the id of the blocked write itself. */
  awaitedId: string;
  kind: 'reference' | 'predecessor' | 'lock';
  standing: Standing;
  since: string;
  /** Code of the outcome of the write that would have provided it; null: none, or unknown. */
  failure: string | null;
  /** The write in the intake that would provide it. */
  provider: { writeId: string; lane: number; resource: string; reason: Reason } | null;
  /** Name of the resource: from the model, or the endpoint of the provider. For a row, the table. */
  resource: string | null;
  /** Identity of the awaited thing, e.g. `schoolId=255901001`: of a document only with a model, of a row only in `showWrite`. */
  identity: string | null;
  /** Path of the reference in the document, with a model; columns of the foreign key of a row. */
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
  /** Since when it is blocked or a dead letter; otherwise when it was accepted. */
  since: string;
  /** End of its wait for references that no client has submitted. */
  referenceDeadline: string | null;
  /** Number of things that it awaits. */
  awaitsCount: number;
  /** The first of them; those that no client has submitted come first. */
  awaits: Awaited[];
  /** The lane, if the write waits for it: `lane_without_leader`, `lane_paused`, `retrying`. */
  leadership: Leadership | null;
  /** `locked`, `retrying`: sessions that hold locks on rows that the write may wait for, as far as the rows show. */
  heldBy: LockHolder[];
  /** The error, for `retrying` and `dead_letter`. */
  error: StuckError | null;
  attempts: number | null;
  /** `retrying`: when the next try begins. */
  nextAt: string | null;
}

export interface StuckList {
  writes: StuckWrite[];
  /** Start of the next page; null: this is the last. */
  next: string | null;
}

export interface StuckCounts {
  total: number;
  /** Counting ended at the limit: there are at least this many. */
  isBounded: boolean;
  reasons: Partial<Record<Reason, { writes: number; withinDeadline: number; oldestSeconds: number }>>;
}

export interface Status {
  /** By the database's clock, ISO 8601. */
  readAt: string;
  isHealthy: boolean;
  /** Problems, each as a phrase; empty: none. */
  problems: string[];
  schemaVersion: number | null;
  modelHash: string | null;
  documents: number;
  references: number;
  /** The numbers of documents and references are estimated, because they are large. */
  isEstimated: boolean;
  /** Writes that are accepted and not settled. */
  backlog: number;
  blocked: number;
  deadLetters: number;
  /** How long the oldest of the backlog has waited; null: none waits. */
  oldestSeconds: number | null;
  lanesWithoutLeader: number;
  lanesPaused: number;
  lanesRetrying: number;
  /** Number of living writers. */
  writers: number;
  /** Age in seconds at which writes are counted in `waiting`. */
  olderThanSeconds: number;
  /** Counts by reason, dead letters included. */
  waiting: StuckCounts;
  lanes: LaneStatus[];
}

/** One link of a chain: `blockedId` awaits `awaitedId`, at a distance of `depth` from the requested write. */
export interface ChainLink extends Awaited {
  depth: number;
  blockedId: string;
}

/** The row of a write to a target, or the first of its rows. */
export interface ShownRow {
  /** Values of its key by column or path. Null: the database gives it, or it is no longer known. */
  key: Readonly<Record<string, unknown>> | null;
  /** Number of rows of the write; null: it is settled. */
  rows: number | null;
}

export interface ShownWrite {
  writeId: string;
  /** Null: the write is to a document. */
  row: ShownRow | null;
  /** Null if the write is settled and no dead letter. */
  stuck: StuckWrite | null;
  /** Nearest first; 200 links at most. */
  chain: ChainLink[];
  /** State of the write's lane, which decides when a blocked write is read again. */
  lane: LaneStatus | null;
  /** Without rows, answers and raised texts. */
  outcome: (ParsedOutcome & { client: string; lane: number; settledAt: string }) | null;
}

/** The settled writes among those that were made in one minute. */
export interface ActivityMinute {
  /** Start of the minute. */
  minute: string;
  writes: number;
  refused: number;
  notApplied: number;
  /** Milliseconds from the creation of a write to its outcome; null: none was settled. */
  p50Ms: number | null;
  p99Ms: number | null;
  /** Estimated from a sample. */
  isSampled: boolean;
  /** Number of writes by lane, for lanes that had any. */
  lanes: Record<string, number>;
}

export interface LaneActivity {
  lane: number;
  writesPerSecond: number;
  /** Writes of the batches that settled writes of this lane, including those of other lanes. */
  batchWrites: number;
  /** Milliseconds from the start of such a batch to its last outcome. */
  batchMs: number;
}
