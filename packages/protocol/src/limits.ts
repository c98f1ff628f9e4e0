/** Limits and intervals with their units, and the values that hold where nothing else is set. */
export const defaults = {
  /** Ordered partitions of the intake. Fixed when a database is first used (design: changing it drains first). */
  lanes: 16,
  /** Writes settled in one transaction, at most. */
  batchWritesMax: 512,
  /** Rows of one intake insert, at most. */
  flushWritesMax: 512,
  /** The largest group of writes that an idle node commits itself; 0: it leaves all to the writers. */
  fastPathWritesMax: 0,
  /** Writes in one batch of `local` mode, at most. */
  maxBatchWrites: 512,
  /** How long a write of `local` mode waits for others of its batch. */
  maxBatchDelayMs: 0,
  /** An idle writer looks for work, and a node for outcomes it waits for, at least this often. */
  pollIntervalMs: 250,
  /** How long a node waits for an outcome before it cancels the write. */
  waitMs: 30_000,
  /** Writes that a node lets wait at the same time; the next is refused as overloaded. */
  waitingWritesMax: 10_000,
  /** Arrivals since the oldest write that waits its turn in a lane, from which on the lane takes no more. */
  highWaterWrites: 200_000,
  /** Age of that write from which on the lane takes no more. */
  highWaterMs: 30_000,
  /** A lane may be without a leader for this long before its writes are refused. */
  leaderGraceMs: 5_000,
  /** Told to stop, a node lets its writes wait for this long; those left are cancelled. */
  drainMs: 10_000,
  /** Blocked writes that one client may have; the next that asks to wait is refused. */
  blockedWritesMax: 100_000,
  /** Outcomes and idempotency keys are kept this long. */
  retentionHours: 24,
  bodyBytesMax: 10 * 1024 * 1024,
  /** Bytes of a document as PostgreSQL writes it out, with every digit: what a read brings into memory. */
  documentBytesMax: 20 * 1024 * 1024,
  /** Bytes of the documents of one page, from which on it ends early. */
  pageBytesMax: 16 * 1024 * 1024,
  /** Bytes of documents that a node holds for answers under way. */
  readBytesMax: 128 * 1024 * 1024,
  /** Bytes of large bodies that a node holds for writes under way. */
  bodiesBytesMax: 128 * 1024 * 1024,
  bodyDepthMax: 64,
  bodyKeysMax: 100_000,
  arrayLengthMax: 100_000,
  stringBytesMax: 1024 * 1024,
  headerBytesMax: 16 * 1024,
  headerTimeoutMs: 10_000,
  bodyTimeoutMs: 60_000,
  /** In which a client must take more of an answer. */
  readerTimeoutMs: 60_000,
  /** Requests of one client under way on a node. */
  clientRequestsMax: 10_000,
  /** Requests and bulk lines of one client a second on a node; 0: no limit. */
  clientRate: 0,
  /** Documents that a change of identity may rewrite. */
  cascadeDocumentsMax: 10_000,
} as const;

export type Mode = 'direct' | 'local' | 'coordinated';
/** What becomes of a write that the intake does not take now: refused, or committed by its own node. */
export type OnOverload = 'refuse' | 'bypass';

/** How a lane is owned: by an advisory lock of the leader's session, or by a lease that the leader renews. */
export type OwnershipForm = 'lock' | 'lease';

/** Which sessions lead lanes: as few as keep up with the load, or all of them. */
export type Spread = 'load' | 'even';
/**
 * Why a leader wants as many sessions to lead as it does. `quiet`: one less would do. `busy`: as it is. `full`: most
 * batches take as many writes as they may, so more are waiting. `slow`: most batches take long. `even`: an operator wants
 * all to lead.
 */
export type Load = 'quiet' | 'busy' | 'full' | 'slow' | 'even';

export const modes: readonly Mode[] = ['direct', 'local', 'coordinated'];
