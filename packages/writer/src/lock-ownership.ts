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
      // For people only.
      await session.flight([{ name: 'noteSession', values: [writerId], isOptional: true }]);
    },
    // The lock is kept by the session itself.
    keep: () => Promise.resolve(),
    async take(lanes) {
      // The locks in a statement of their own: what is read after it sees all that the leader before has committed.
      const locked = (await session.run('tryLanes', [lanes])).map((row) => row['lane'] as number);
      if (locked.length === 0) return [];
      // This shuts out the next batch of that leader; one that is still open ended with its session.
      const opened = (await session.run('openTerms', [locked, writerId])).map(openedLane);
      // Another transaction has locked the rows of the others: whoever comes first when they are free leads them.
      const closed = locked.filter((lane) => !opened.some((each) => each.lane === lane));
      if (closed.length > 0) await session.run('unlockLanes', [closed]);
      return opened;
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
