/**
 * Notes who holds the locks that writes of a batch wait for, for people. After the batch and outside of its transaction, so that no
 * failure of it has any effect.
 */
import type { WriteHeader } from '#protocol';
import { DatabaseError, type Session } from '#store';
import type { LentTransaction } from './lend-session.ts';
import { waitsForLock, type BlockedWrite, type Target } from './target.ts';

export async function noteLockers(
  session: Session,
  targets: readonly Target[],
  blocked: readonly BlockedWrite[],
): Promise<void> {
  const waiting = blocked.filter(waitsForLock).map(({ write }) => write);
  if (waiting.length === 0) return;
  try {
    for (const target of targets) {
      const own = waiting.filter(({ resource }) => target.owns(resource));
      if (own.length > 0) await noteLockersOf(session, target, own);
    }
  } catch (error) {
    if (!(error instanceof DatabaseError) || error.isConnectionLoss) throw error;
  }
}

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
  const lockers = await target.findLockers?.(look, writes);
  if (lockers === undefined || lockers.size === 0) return;
  await session.run('noteLockers', [[...lockers.keys()], [...lockers.values()]]);
}
