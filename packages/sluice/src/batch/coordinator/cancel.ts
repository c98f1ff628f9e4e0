/**
 * Settles writes without effect: at the end of a client's wait, for an operator, or to break a cycle. This is a batch
 * like any other. It locks the terms of the writes' lanes first, so it runs before or after a leader's batch, never
 * during one. The key of the outcomes decides which of the two settles a write.
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
 * Returns the final outcomes of the writes, in order: an existing outcome, or the given one. The writes are never
 * applied afterwards, even if a delayed insert brings one into the intake again.
 * @param record Makes statements for the same transaction, from the writes that it settles; no statement if it
 *   settles none.
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
    const known = new Map<string, Outcome>();
    const pending = new Set<string>();
    for (const row of where?.rows ?? []) {
      if (row['result'] !== null) known.set(row['write_id'] as string, outcomeOf(row));
      if (row['is_pending'] === true) pending.add(row['write_id'] as string);
    }
    const outcomes = unapplied.filter(({ write }) => !known.has(write.writeId));
    const settled = outcomes.map(({ write }) => write);
    // Writes in the intake leave it, also those that came after their outcomes. A write whose insert arrives later
    // finds its outcome.
    const leaving = [...pending];
    if (settled.length + leaving.length === 0) await session.flight([{ name: 'rollback' }]);
    else {
      try {
        await session.flight([
          {
            name: 'insertOutcomes',
            values: outcomeValues(outcomes, { batchId: uuidv7(), terms: new Map() }),
          },
          { name: 'removeIntake', values: [leaving] },
          { name: 'removeAwaited', values: [leaving] },
          ...(settled.length === 0 ? [] : record(settled)),
          { name: 'commit' },
        ]);
      } catch (error) {
        if (!(error instanceof DatabaseError) || !error.isStaleFacts) throw error;
        // A write was settled or inserted in between, so all is read again.
        await session.flight([{ name: 'rollback' }]);
        continue;
      }
    }
    return unapplied.map(({ write, outcome }) => known.get(write.writeId) ?? outcome);
  }
}

/** Does the same for writes at the end of their wait, in one statement. A node may settle nothing else. */
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
        // A write that waits for one of these, or for its document, has to be planned again.
        hintAwaitedOf(writes),
      ]);
      const outcomes = new Map(cancelled?.rows.map((row) => [row['write_id'] as string, outcomeOf(row)]));
      return writes.map(({ writeId }) => outcomes.get(writeId) as Outcome);
    } catch (error) {
      // A write was settled in between, so all is read again.
      if (!(error instanceof DatabaseError) || !error.isStaleFacts) throw error;
    }
  }
}
