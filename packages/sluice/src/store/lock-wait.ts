/**
 * Reports waits for locks: while a session waits, another one asks the server for the holders, so that no command
 * waits in silence. For work that takes locks which others may hold for long: migrations, roles.
 */
import type pg from 'pg';
import { SluiceError } from '#protocol';
import { reduceError, type DatabaseError } from './database-error.ts';
import { Session, type Row } from './session.ts';

/** A session that holds a lock, as far as this role may see. */
export interface LockHolder {
  /** Process id; null: a prepared transaction, which has none. */
  pid: number | null;
  application: string;
  role: string;
  /** Start of its transaction, or else of its session: the lock is not older. ISO 8601. */
  since: string | null;
}

export interface LockWaitOptions {
  /** Receives the sessions that hold the lock: soon, after each change, and every ten seconds. */
  onWait?: ((holders: readonly LockHolder[]) => void) | undefined;
  /** Longest wait for one lock, in milliseconds. @default no limit */
  waitMs?: number;
}

const lookMs = 500;
const tellMs = 10_000;

const waitMsMax = 2 ** 31 - 1;

/** The server setting that ends a wait. It has an upper bound, and 0 would be no limit. */
export function lockLimit({ waitMs }: LockWaitOptions): Record<string, string> {
  return waitMs === undefined ? {} : { lock_timeout: `${Math.min(Math.max(1, waitMs), waitMsMax)}ms` };
}

const deadlocksMax = 10;

/**
 * Runs a transaction again after PostgreSQL ended it because of a deadlock, as with a writer that settles a batch.
 * @param transaction From `begin` to its end
 */
export async function repeatAfterDeadlock<T>(client: pg.Client, transaction: () => Promise<T>): Promise<T> {
  for (let deadlocks = 1; ; deadlocks++) {
    try {
      return await transaction();
    } catch (error) {
      const { sqlState } = reduceError(error) as Partial<DatabaseError>;
      if (sqlState !== '40P01' || deadlocks === deadlocksMax) throw error;
      await client.query('rollback');
    }
  }
}

/**
 * Runs the work of a client, in a transaction with {@link lockLimit}, and reports the holders of awaited locks.
 * @param doing For the error: `migrate`
 * @throws {SluiceError} `database_unavailable` if a lock was not released in time
 */
export async function waitAloud<T>(
  client: pg.Client,
  url: string,
  doing: string,
  { onWait, waitMs }: LockWaitOptions,
  work: () => Promise<T>,
): Promise<T> {
  const { processID: pid } = client as { processID?: number | null };
  const watch = new LockWatch(url, pid ?? 0, Math.min(lookMs, (waitMs ?? lookMs) / 3), onWait);
  try {
    return await work();
  } catch (error) {
    if ((error as { code?: unknown }).code !== '55P03') throw reduceError(error, doing);
    const holders = watch.holders.map(holderText).join(', ');
    throw new SluiceError(
      'database_unavailable',
      `Cannot ${doing}: a lock was not released within ${(waitMs ?? 0) / 1000} s by ${holders === '' ? 'other sessions' : holders}`,
    );
  } finally {
    await watch.end();
  }
}

/** `process 4711 (psql, role postgres, since 2026-01-02T00:00:00.000Z)` */
export function holderText({ pid, application, role, since }: LockHolder): string {
  if (pid === null) return 'a prepared transaction';
  const facts = [
    application === '' ? 'no application name' : application,
    ...(role === '' ? [] : [`role ${role}`]),
    `since ${since ?? 'a time that this role may not see'}`,
  ];
  return `process ${pid} (${facts.join(', ')})`;
}

export function holderOf(row: Row): LockHolder {
  return {
    pid: row['pid'] as number | null,
    application: row['application'] as string,
    role: row['role'] as string,
    since: row['since'] as string | null,
  };
}

class LockWatch {
  readonly #url: string;
  readonly #pid: number;
  readonly #onWait: LockWaitOptions['onWait'];
  readonly #timer: NodeJS.Timeout;
  #session: Promise<Session> | null = null;
  #looking: Promise<void> | null = null;
  #told = '';
  #toldAt = 0;
  /** The holders that the last query found. */
  holders: readonly LockHolder[] = [];

  constructor(url: string, pid: number, intervalMs: number, onWait: LockWaitOptions['onWait']) {
    this.#url = url;
    this.#pid = pid;
    this.#onWait = onWait;
    this.#timer = setInterval(() => {
      this.#looking ??= this.#look()
        // Without it the work continues without reports; the next query connects again.
        .catch(() => void (this.#session = null))
        .finally(() => (this.#looking = null));
    }, intervalMs);
  }

  async end(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
    await this.#session?.then((session) => session.close()).catch(() => undefined);
  }

  async #look(): Promise<void> {
    const session = await (this.#session ??= Session.open({
      url: this.#url,
      applicationName: 'sluice lock watch',
      answerTimeoutMs: 2000,
      staysAtUrl: true,
    }));
    const holders = (await session.run('readBlockers', [this.#pid])).map(holderOf);
    if (holders.length === 0) return;
    this.holders = holders;
    const text = holders.map(holderText).join();
    const now = performance.now();
    if (text === this.#told && now - this.#toldAt < tellMs) return;
    this.#told = text;
    this.#toldAt = now;
    this.#onWait?.(holders);
  }
}
