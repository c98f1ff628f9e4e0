/**
 * Settles a write without effect: at the end of a client's wait, by an operator, or to break a circle of waiting. A batch like any other: it locks
 * the term of the write's lane first, so it meets the leader's batch before or after, never half-way, and the
 * outcome's key decides.
 */
import type { Outcome, WriteHeader } from '@sluice/protocol';
import { DatabaseError, type Session } from '@sluice/store';
import { v7 as uuidv7 } from 'uuid';
import { commitStatements } from './commit.ts';
import { outcomeOf } from './facts.ts';
import { emptyPlan } from './plan.ts';
import { notApplied } from './settle.ts';

/**
 * Returns the final outcome of the write: the one it had already, or `outcome`. After that it is never applied, even if a
 * delayed insert brings it into the intake again.
 */
export async function settleUnapplied(
  session: Session,
  write: WriteHeader,
  outcome: Outcome,
): Promise<Outcome> {
  for (;;) {
    const [, , where] = await session.flight([
      { name: 'begin' },
      { name: 'lockTerms', values: [[write.lane]] },
      { name: 'readWaiting', values: [[write.writeId]] },
    ]);
    const row = where?.rows[0];
    if (row !== undefined && row['result'] !== null) {
      await session.flight([{ name: 'rollback' }]);
      return outcomeOf(row);
    }
    const isPending = row?.['is_pending'] === true;
    const plan = { ...emptyPlan(), outcomes: [{ write, outcome }] };
    const statements = commitStatements(plan, {
      batchId: uuidv7(),
      terms: new Map(),
      bodies: isPending ? null : new Map(),
    });
    try {
      await session.flight([
        ...statements,
        ...(isPending ? [{ name: 'removeAwaited', values: [[write.writeId]] }] : []),
        { name: 'commit' },
        // A write that waits for this one's document has to look again.
        { name: 'hintWriters', isOptional: true },
      ]);
    } catch (error) {
      if (!(error instanceof DatabaseError) || !error.isStaleFacts) throw error;
      // Settled or inserted in between: look again.
      await session.flight([{ name: 'rollback' }]);
      continue;
    }
    return outcome;
  }
}

/** The same for a write whose time is up, or that an operator discards. */
export function cancelWrite(
  session: Session,
  write: WriteHeader,
  code: 'cancelled' | 'discarded',
): Promise<Outcome> {
  return settleUnapplied(session, write, notApplied(write, code));
}
