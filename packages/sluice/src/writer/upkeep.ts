/**
 * Once a minute a writer shows in sluice.writer that it lives. The leader of lane 0 also removes what is past its retention,
 * in small statements: outcomes with their idempotency keys, rows of writers long gone. The database's clock decides what is old.
 */
import { hostname } from 'node:os';
import type { Database } from '#store';

const intervalMs = 60_000;
const rowsAtOnce = 5000;

export interface UpkeepOptions {
  database: Database;
  writerId: string;
  /** Of the writer's package. */
  version: string;
  retentionHours: number;
  /** Whether old rows are this writer's to remove. */
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

  /** Settles after the first time. */
  async start(): Promise<void> {
    await this.#keepUp();
    this.#timer = setInterval(() => {
      this.#running ??= this.#keepUp().finally(() => (this.#running = null));
    }, intervalMs);
  }

  /** Settles after the time under way. */
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

/** Removes what is past its retention. */
export async function removeOld(database: Database, retentionHours: number): Promise<void> {
  while ((await database.run('forgetOutcomes', [retentionHours, rowsAtOnce])).length === rowsAtOnce);
  await database.run('forgetWriters', [retentionHours]);
  await database.run('forgetLeases');
  await database.run('forgetClocks');
}
