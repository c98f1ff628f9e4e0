/**
 * The ends of waits: all that gather while one transaction cancels others are cancelled together in the next, as a lane
 * that stands still ends the waits of thousands within the same second.
 */
import { cancelWrites } from '@sluice/batch';
import type { Outcome, Write } from '@sluice/protocol';
import { SessionPool, type ConnectionOptions, type PoolUsage } from '@sluice/store';

interface Due {
  write: Write;
  resolve: (outcome: Outcome) => void;
  reject: (error: unknown) => void;
}

const writesAtOnceMax = 512;
/** A leader's batch holds the term rows for milliseconds; one that is stuck is ended by the server in time. */
const sessionSettings = { lock_timeout: '5s', statement_timeout: '10s' };
const answerTimeoutMs = 12_000;

export class Cancellations {
  readonly #sessions: SessionPool;
  #due: Due[] = [];
  #cancelling: Promise<void> | null = null;

  constructor(connection: ConnectionOptions) {
    const settings = { ...connection.settings, ...sessionSettings };
    this.#sessions = new SessionPool({ answerTimeoutMs, ...connection, settings, sessionsMax: 1 });
  }

  /** Resolves with the write's final outcome: cancelled, or what it was before. Rejects if neither is certain. */
  cancel(write: Write): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      this.#due.push({ write, resolve, reject });
      this.#cancelling ??= this.#cancelAll().finally(() => (this.#cancelling = null));
    });
  }

  get usage(): PoolUsage {
    return this.#sessions.usage;
  }

  async close(): Promise<void> {
    await this.#cancelling;
    await this.#sessions.close();
  }

  async #cancelAll(): Promise<void> {
    // Waits that end in the same turn of the event loop end together.
    await Promise.resolve();
    while (this.#due.length > 0) {
      const due = this.#due.splice(0, writesAtOnceMax);
      try {
        const writes = due.map(({ write }) => write);
        const outcomes = await this.#sessions.use((session) => cancelWrites(session, writes));
        due.forEach(({ resolve }, index) => resolve(outcomes[index] as Outcome));
      } catch (error) {
        for (const { reject } of due) reject(error);
      }
    }
  }
}
