/**
 * Ends of waits. Writes that gather during one transaction are cancelled together in the next, because a stopped lane
 * ends the waits of thousands of writes within one second.
 */
import { cancelWrites } from '#batch';
import type { Outcome, Write } from '#protocol';
import { DatabaseError, SessionPool, type ConnectionOptions, type PoolUsage } from '#store';

interface Due {
  write: Write;
  resolve: (outcome: Outcome) => void;
  reject: (error: unknown) => void;
  since: number;
  /** How often it met a lock, on the row of its lane or of a write. */
  lockTries: number;
}

const writesAtOnceMax = 512;
/** A leader's batch holds the term rows for milliseconds. A transaction that holds one for longer does not delay other cancellations. */
const sessionSettings = { lock_timeout: '250ms', statement_timeout: '10s' };
const answerTimeoutMs = 12_000;
/**
 * Longest time, in milliseconds, that a cancellation is tried. While another transaction has locked the row of a
 * lane, the outcomes of its writes are unknown.
 */
const patienceMs = 5000;

export class Cancellations {
  readonly #sessions: SessionPool;
  #due: Due[] = [];
  #cancelling: Promise<void> | null = null;

  constructor(connection: ConnectionOptions) {
    const settings = { ...connection.settings, ...sessionSettings };
    this.#sessions = new SessionPool({ answerTimeoutMs, ...connection, settings, sessionsMax: 1 });
  }

  /** Resolves with the final outcome of the write: cancelled, or an earlier one. Rejects if neither is certain. */
  cancel(write: Write): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      this.#due.push({ write, resolve, reject, since: performance.now(), lockTries: 0 });
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
      for (const due of this.#next()) {
        try {
          const writes = due.map(({ write }) => write);
          const outcomes = await this.#sessions.use((session) => cancelWrites(session, writes));
          due.forEach(({ resolve }, index) => resolve(outcomes[index] as Outcome));
        } catch (error) {
          this.#leave(due, error);
        }
      }
    }
  }

  /** All that gathered, together; but of those that met a lock, first each lane is tried alone, then each write. */
  #next(): Iterable<Due[]> {
    const due = this.#due.splice(0, writesAtOnceMax).sort((one, other) => one.lockTries - other.lockTries);
    const parts = new Map<string | number, Due[]>();
    for (const each of due) {
      const part = partOf(each);
      const others = parts.get(part);
      if (others === undefined) parts.set(part, [each]);
      else others.push(each);
    }
    return parts.values();
  }

  #leave(due: readonly Due[], error: unknown): void {
    const isLocked = error instanceof DatabaseError && error.isLockWaitOver;
    const isOver = (since: number): boolean => performance.now() - since >= patienceMs;
    for (const each of due) {
      if (!isLocked || isOver(each.since)) each.reject(error);
      else {
        each.lockTries += 1;
        this.#due.push(each);
      }
    }
  }
}

function partOf({ lockTries, write }: Due): string | number {
  if (lockTries === 0) return 'together';
  return lockTries === 1 ? write.lane : write.writeId;
}
