/**
 * The database's clock, as this process knows it: read once a minute, and continued by the monotonic clock of the
 * process, which cannot be set. The difference to the process's own clock is stored in `sluice.process_clock` for
 * `sluice doctor`.
 */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Database } from './database.ts';

interface DatabaseClockOptions {
  database: Database;
  /** The process whose clock is recorded. @default none: only the database's clock is read */
  process?: { kind: 'node' | 'writer'; clockId?: string };
  onError?: (error: unknown) => void;
}

/** Milliseconds between two measurements. The doctor counts a process that has measured within two of them. */
export const clockIntervalMs = 60_000;
/** A slower answer is too inexact. */
const answerTimeoutMs = 5000;

export class DatabaseClock {
  readonly #options: DatabaseClockOptions;
  readonly #clockId: string;
  /** The database's time minus `performance.now()`; null: never read. */
  #offsetMs: number | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: DatabaseClockOptions) {
    this.#options = options;
    this.#clockId = options.process?.clockId ?? randomUUID();
  }

  /** Measures without delay, then once a minute. Never rejects: without an answer, it uses the clock of the process. */
  async start(): Promise<void> {
    this.#timer = setInterval(() => void this.measure(), clockIntervalMs);
    this.#timer.unref();
    await this.measure();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  /** Milliseconds since 1970. */
  now(): number {
    return this.#offsetMs === null ? Date.now() : this.#offsetMs + performance.now();
  }

  async measure(): Promise<void> {
    const { database, process: noted, onError } = this.#options;
    try {
      const before = performance.now();
      const own = Date.now();
      const [row] = await database.run('readClock', [], answerTimeoutMs);
      const halfMs = (performance.now() - before) / 2;
      const at = Date.parse(String(row?.['now']));
      this.#offsetMs = at - before - halfMs;
      const ahead = own + halfMs - at;
      // The duration of the query is not known to be a difference.
      const certain = Math.sign(ahead) * Math.max(0, Math.abs(ahead) - halfMs);
      if (noted === undefined) return;
      await database.run(
        'noteClock',
        [this.#clockId, noted.kind, hostname(), process.pid, certain],
        answerTimeoutMs,
      );
    } catch (error) {
      onError?.(error);
    }
  }
}
