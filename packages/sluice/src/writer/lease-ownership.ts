/**
 * Ownership by leases: a lane is led by the session whose lease in `sluice.lane` has not run out, by the database's
 * clock. It needs no session state, so it works through a pooler in transaction mode, and on engines without advisory
 * locks. The term fences as usual: a leader with an expired lease commits nothing once another session has begun the
 * next term.
 */
import { DeposedError } from '#batch';
import type { Session } from '#store';
import { v4 as uuidv4 } from 'uuid';
import type { Demand } from './lane-demand.ts';
import { openedLane, type Ownership } from './ownership.ts';

/** A leader that does not renew its leases for this long has lost its lanes. */
export const leaseMs = 2000;
/** Leases are renewed at the first heartbeat after this. */
const renewAfterMs = leaseMs / 4;

export function leaseOwnership(session: Session, writerId: string): Ownership {
  const sessionId = uuidv4();
  let renewedAt = 0;
  const renew = async (terms: ReadonlyMap<number, number>, demand: Demand): Promise<void> => {
    const began = performance.now();
    const shown = [demand.sessions, demand.load, demand.busyPercent];
    const values = [sessionId, writerId, [...terms.keys()], [...terms.values()], leaseMs, ...shown];
    // If the answer takes longer than a lease, the connection is lost.
    const [result] = await session.flight([{ name: 'renewLeases', values }], leaseMs);
    const renewed = new Set(result?.rows.map((row) => row['lane'] as number));
    const lost = [...terms.keys()].filter((lane) => !renewed.has(lane));
    if (lost.length > 0) throw new DeposedError(lost);
    renewedAt = began;
  };
  return {
    sessionId,
    join: (demand) => renew(new Map(), demand),
    async keep(terms, demand) {
      if (performance.now() - renewedAt >= renewAfterMs) await renew(terms, demand);
    },
    async take(lanes) {
      return (await session.run('takeLeases', [lanes, writerId, leaseMs])).map(openedLane);
    },
    async leave(terms) {
      await session.flight([
        { name: 'closeTerms', values: [[...terms.keys()], [...terms.values()]] },
        { name: 'hintFreeLanes', isOptional: true },
      ]);
    },
    async end() {
      await session.run('endLease', [sessionId]);
    },
  };
}
