/**
 * Settles writes without effect: at the end of a client's wait, by an operator, or to break a cycle of waiting. A batch
 * like any other: it locks the terms of the writes' lanes first, so it meets their leaders' batches before or after,
 * never half-way, and the outcomes' key decides.
 */
import type { Outcome, WriteHeader } from '#protocol';
import { DatabaseError, type Session, type Statement } from '#store';
import { v7 as uuidv7 } from 'uuid';
import { outcomeOf } from './answer.ts';
import { hintAwaitedOf, outcomeValues } from './record.ts';

interface Unapplied {
  write: WriteHeader;
  outcome: Outcome;
}

/**
 * Returns the final outcomes of the writes, in their order: those they had already, or the given ones. After that they
 * are never applied, even if a delayed insert brings one into the intake again.
 * @param record Statements for the same transaction, of the writes that it settles; none if it settles none.
 */
export async function settleUnapplied(
  session: Session,
  unapplied: readonly Unapplied[],
  record: (settled: readonly WriteHeader[]) => readonly Statement[] = () => [],
): Promise<Outcome[]> {
  const lanes = [...new Set(unapplied.map(({ write }) => write.lane))];
  for (;;) {
    const [, , where] = await session.flight([
      { name: 'begin' },
      { name: 'lockTerms', values: [lanes] },
      { name: 'readWaiting', values: [unapplied.map(({ write }) => write.writeId)] },
    ]);
    const found = new Map(where?.rows.map((row) => [row['write_id'] as string, row]));
    const known = new Map<string, Outcome>();
    for (const [writeId, row] of found) if (row['result'] !== null) known.set(writeId, outcomeOf(row));
    const outcomes = unapplied.filter(({ write }) => !known.has(write.writeId));
    const settled = outcomes.map(({ write }) => write);
    if (settled.length === 0) await session.flight([{ name: 'rollback' }]);
    else {
      // Those of the intake leave it; one whose insert is still on its way finds its outcome there.
      const pending = settled.filter(({ writeId }) => found.get(writeId)?.['is_pending'] === true);
      const pendingIds = pending.map(({ writeId }) => writeId);
      try {
        await session.flight([
          {
            name: 'insertOutcomes',
            values: outcomeValues(outcomes, { batchId: uuidv7(), terms: new Map() }),
          },
          { name: 'removeIntake', values: [pendingIds] },
          { name: 'removeAwaited', values: [pendingIds] },
          ...record(settled),
          { name: 'commit' },
        ]);
      } catch (error) {
        if (!(error instanceof DatabaseError) || !error.isStaleFacts) throw error;
        // Settled or inserted in between: look again.
        await session.flight([{ name: 'rollback' }]);
        continue;
      }
    }
    return unapplied.map(({ write, outcome }) => known.get(write.writeId) ?? outcome);
  }
}

/**
 * The same for writes whose time is up, in one statement, which is all that the database lets a node settle.
 */
export async function cancelWrites(session: Session, writes: readonly WriteHeader[]): Promise<Outcome[]> {
  for (;;) {
    try {
      const [cancelled] = await session.flight([
        {
          name: 'cancelWrites',
          values: [
            uuidv7(),
            writes.map((write) => write.writeId),
            writes.map((write) => write.lane),
            writes.map((write) => write.resource),
            writes.map((write) => write.client),
          ],
        },
        // A write that waits for one of these, or for its document, has to look again.
        hintAwaitedOf(writes),
      ]);
      const outcomes = new Map(cancelled?.rows.map((row) => [row['write_id'] as string, outcomeOf(row)]));
      return writes.map(({ writeId }) => outcomes.get(writeId) as Outcome);
    } catch (error) {
      // Settled in between: look again.
      if (!(error instanceof DatabaseError) || !error.isStaleFacts) throw error;
    }
  }
}
