/**
 * Ownership by session locks: a lane is led by the session that holds its advisory lock, until the session ends. It
 * needs a session of its own on the server, so it does not work through a pooler in transaction mode.
 */
import type { Load } from '#protocol';
import type { Session } from '#store';
import type { Demand } from './lane-demand.ts';
import { openedLane, type Ownership } from './ownership.ts';

/** In the order of `sluice.lane_session`, which reads the number. */
const loads: readonly Load[] = ['quiet', 'busy', 'full', 'slow', 'even'];

/** A demand, encoded as the second key of a lock. */
function keyOf({ sessions, load, busyPercent }: Demand): number {
  return sessions * 10_000 + loads.indexOf(load) * 1000 + busyPercent;
}

export function lockOwnership(session: Session, writerId: string): Ownership {
  let shown: number | null = null;
  const show = async (demand: Demand): Promise<void> => {
    const key = keyOf(demand);
    if (key !== shown) await session.run('showDemand', [key, shown]);
    shown = key;
  };
  return {
    sessionId: null,
    async join(demand) {
      await session.run('announceSession');
      await show(demand);
      // For people only.
      await session.flight([{ name: 'noteSession', values: [writerId], isOptional: true }]);
    },
    // The session itself keeps the lock.
    keep: (_terms, demand) => show(demand),
    async take(lanes) {
      // The locks are taken in a statement of their own, so that later reads see all commits of the previous leader.
      const locked = (await session.run('tryLanes', [lanes])).map((row) => row['lane'] as number);
      if (locked.length === 0) return [];
      // This excludes further batches of the previous leader; its open batch ended with its session.
      const opened = (await session.run('openTerms', [locked, writerId])).map(openedLane);
      // Another transaction has locked the rows of the other lanes. The first session that asks after their release
      // leads them.
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
