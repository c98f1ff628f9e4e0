/**
 * Reads the gauges of the whole database: one query, shared by all scrapes of some seconds, on its own connection, so
 * that a scrape takes none from the writes. A database that does not answer soon is reported as down.
 */
import { Database, type Row } from 'sluice/internal/store';

export interface DatabaseReading {
  readyWrites: number;
  blockedWrites: number;
  /** Null: the search would pass too many dead rows. */
  oldestReadySeconds: number | null;
  oldestBlockedSeconds: number | null;
  deadRows: number;
  deadLetters: number;
  /** Terms by lane. */
  terms: Record<string, number>;
  unledLanes: number;
  /** Sessions of other programs that hold the lock of a lane. */
  laneStrangers: { lane: number; pid: number | null; application: string; role: string; seconds: number }[];
  pausedLanes: number;
  /** Lanes whose leader tries a batch again. */
  retryingLanes: number;
  /** Sessions by what they do. */
  sessions: Record<string, number>;
  /** Sessions that wait for a lock, by its type. */
  lockWaits: Record<string, number>;
  longestLockWaitSeconds: number;
  oldestTransactionSeconds: number;
  horizonTransactions: number;
  notificationQueueRatio: number;
}

/** Rows are counted up to this number, and estimated beyond. */
export const countedMax = 1000;
/** A reading serves all scrapes of this long. */
export const readingMaxAgeMs = 5000;

export class DatabaseReader {
  readonly #database: Database;
  #reading: Promise<DatabaseReading | null> | null = null;
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(url: string, schema?: string) {
    this.#database = new Database({
      url,
      schema,
      applicationName: 'sluice metrics',
      connectionsMax: 1,
      looksForPooler: true,
      connectTimeoutMs: 2000,
      answerTimeoutMs: 3000,
      settings: { statement_timeout: '2s', lock_timeout: '500ms' },
    });
  }

  /** Null: the database does not answer. Never rejects. */
  read(): Promise<DatabaseReading | null> {
    const now = performance.now();
    if (this.#reading === null || now - this.#readAt >= readingMaxAgeMs) {
      this.#readAt = now;
      this.#reading = this.#database.run('measureDatabase', [countedMax]).then(
        ([row]) => (row === undefined ? null : readingOf(row)),
        () => null,
      );
    }
    return this.#reading;
  }

  async close(): Promise<void> {
    await this.#database.close();
  }
}

function readingOf(row: Row): DatabaseReading {
  return {
    readyWrites: Number(row['ready']),
    blockedWrites: Number(row['blocked']),
    oldestReadySeconds: row['oldest_ready_seconds'] as number | null,
    oldestBlockedSeconds: row['oldest_blocked_seconds'] as number | null,
    deadRows: row['dead_rows'] as number,
    deadLetters: row['dead_letters'] as number,
    terms: row['terms'] as Record<string, number>,
    unledLanes: row['unled_lanes'] as number,
    laneStrangers: row['lane_strangers'] as DatabaseReading['laneStrangers'],
    pausedLanes: row['paused_lanes'] as number,
    retryingLanes: row['retrying_lanes'] as number,
    sessions: row['sessions'] as Record<string, number>,
    lockWaits: row['lock_waits'] as Record<string, number>,
    longestLockWaitSeconds: row['longest_lock_wait_seconds'] as number,
    oldestTransactionSeconds: row['oldest_transaction_seconds'] as number,
    horizonTransactions: Number(row['horizon_transactions']),
    notificationQueueRatio: row['notification_queue_ratio'] as number,
  };
}
