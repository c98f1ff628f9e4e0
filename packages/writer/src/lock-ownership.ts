/**
 * Ownership by session locks: a lane is led by the session that holds its advisory lock, and ends with it. Needs a session
 * of its own on the server: it does not pass through a pooler in transaction mode.
 */
import type { Session } from '@sluice/store';
import { openedLane, type Ownership } from './ownership.ts';

export function lockOwnership(session: Session, writerId: string): Ownership {
  return {
    isLease: false,
    async join() {
      await session.run('announceSession');
      await session.run('noteSession', [writerId]);
    },
    // The lock is kept by the session itself.
    keep: () => Promise.resolve(),
    async take(lanes) {
      // The locks in a statement of their own: what is read after it sees all that the leader before has committed.
      const locked = await session.run('tryLanes', [lanes]);
      if (locked.length === 0) return [];
      // This waits for a batch of that leader which is still open, and shuts out its next one.
      const opened = await session.run('openTerms', [locked.map((row) => row['lane'] as number), writerId]);
      return opened.map(openedLane);
    },
    async leave(terms) {
      const lanes = [...terms.keys()];
      await session.flight([
        { name: 'closeTerms', values: [lanes, [...terms.values()]] },
        { name: 'unlockLanes', values: [lanes] },
        { name: 'hintFreeLanes', isOptional: true },
      ]);
    },
    async end() {
      await session.run('retireSession');
    },
  };
}
