/**
 * Records which sessions hold the locks that writes of a batch wait for, so that operators see them. It runs after the
 * batch, in its own transaction: a failure has no effect on the batch.
 */
import type { WriteHeader } from '#protocol';
import { DatabaseError, type Session } from '#store';
import { limitsOf } from './attempt.ts';
import { TargetError } from './fault.ts';
import type { LentTransaction } from './lend-session.ts';
import { waitsForLock, type BlockedWrite, type Target } from './target.ts';

export async function noteLockers(
  session: Session,
  targets: readonly Target[],
  blocked: readonly BlockedWrite[],
): Promise<void> {
  const waiting = blocked.filter(waitsForLock).map(({ write }) => write);
  for (const target of targets) {
    const own = waiting.filter(({ resource }) => target.owns(resource));
    if (own.length === 0 || target.findLockers === undefined) continue;
    try {
      await noteLockersOf(session, target, own);
    } catch (error) {
      const isHarmless =
        error instanceof DatabaseError ? !error.isConnectionLoss : error instanceof TargetError;
      if (!isHarmless) throw error;
      await session.flight([{ name: 'rollback' }]);
    }
  }
}

/** The search reads tables of the user, and another session may hold a lock on them, so its wait for a lock is short. */
async function noteLockersOf(
  session: Session,
  target: Target,
  writes: readonly WriteHeader[],
): Promise<void> {
  const look: LentTransaction = {
    query: (text, values) => session.query(text, values),
    prepared: (name, text, values) => session.query(text, values, name),
    run: (name, values) => session.run(name, values),
  };
  await session.flight([{ name: 'begin' }, ...limitsOf({ withLocks: true })]);
  const lockers = await target.findLockers?.(look, writes);
  const values = [[...(lockers?.keys() ?? [])], [...(lockers?.values() ?? [])]];
  await session.flight([{ name: 'noteLockers', values }, { name: 'commit' }]);
}
