/**
 * Once a minute a writer records in sluice.writer that it lives. The leader of lane 0 also deletes rows that are past
 * their retention, in small statements: outcomes with their idempotency keys, and rows of ended writers. Ages count
 * by the database's clock.
 */
import { hostname } from 'node:os';
import type { Database } from '#store';

const intervalMs = 60_000;
const rowsAtOnce = 5000;

interface UpkeepOptions {
  database: Database;
  writerId: string;
  /** Version of the writer's package. */
  version: string;
  retentionHours: number;
  /** Whether this writer deletes old rows. */
  isLeadingLane: (lane: number) => boolean;
  onError: (error: unknown) => void;
}

export class Upkeep {
  readonly #options: UpkeepOptions;
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<void> | null = null;

  constructor(options: UpkeepOptions) {
    this.#options = options;
  }

  /** Resolves after the first run. */
  async start(): Promise<void> {
    await this.#keepUp();
    this.#timer = setInterval(() => {
      this.#running ??= this.#keepUp().finally(() => (this.#running = null));
    }, intervalMs);
  }

  /** Resolves after the run under way. */
  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#running;
  }

  async #keepUp(): Promise<void> {
    const { database, writerId, version, retentionHours, isLeadingLane, onError } = this.#options;
    try {
      await database.run('registerWriter', [writerId, hostname(), process.pid, version]);
      if (isLeadingLane(0)) await removeOld(database, retentionHours);
    } catch (error) {
      onError(error);
    }
  }
}

/** Deletes rows that are past their retention. */
export async function removeOld(database: Database, retentionHours: number): Promise<void> {
  while ((await database.run('forgetOutcomes', [retentionHours, rowsAtOnce])).length === rowsAtOnce);
  await database.run('forgetWriters', [retentionHours]);
  await database.run('forgetLeases');
  await database.run('forgetClocks');
}
