/** Handles the writes of a batch that need no statement: repeated idempotency keys, and writes that wait for earlier ones. */
import type { WriteHeader } from '#protocol';
import { outcomeOf } from './answer.ts';
import { keyOf, replay } from './idempotency.ts';
import type { Settlement, TargetBatch } from './target.ts';
import type { Row, Statement } from '#store';

/** Adds those writes to the settlement, and returns the others in order of arrival. */
export async function sortOut(batch: TargetBatch, settlement: Settlement): Promise<WriteHeader[]> {
  const [ahead, bound] = await readEarlier(batch);
  const isIntake = batch.transaction.bodies === null;
  const keys = new Set<string>();
  return batch.writes.filter((write) => {
    const key = keyOf(write);
    const row = key === null ? undefined : bound.get(key);
    const before = ahead.get(write.referentialId) ?? ahead.get(key ?? '');
    if (row !== undefined) {
      const outcome = row['result'] === null ? null : outcomeOf(row);
      const fingerprint = row['fingerprint'] as string;
      settlement.outcomes.push({ write, outcome: replay(write, { fingerprint, outcome }) });
    } else if (key !== null && keys.has(key)) settlement.deferred.push(write);
    else if (before !== undefined && (!isIntake || before.position < write.position))
      settlement.blocked.push({ write, awaits: [before.writeId] });
    else {
      if (key !== null) keys.add(key);
      return true;
    }
    return false;
  });
}

interface Before {
  writeId: string;
  position: number;
}

/**
 * By identity key: the first write that may come before those of the batch, in the intake or in an earlier part of the
 * batch; such a part also by idempotency key. And by idempotency key: its first settled write.
 */
async function readEarlier({
  transaction,
  writes,
  hasBlocked,
  ahead: blocked,
}: TargetBatch): Promise<[Map<string, Before>, Map<string, Row>]> {
  const isIntake = transaction.bodies === null;
  const statements: Statement[] = [];
  if (hasBlocked || !isIntake) {
    const ids = [...new Set(writes.map((write) => write.referentialId))];
    const [own, last] = isIntake
      ? [writes.map((write) => write.writeId), writes.at(-1)?.position ?? 0]
      : [[], null];
    statements.push({ name: 'readAhead', values: [ids, [], own, last] });
  }
  const keyed = writes.filter((write) => write.idempotencyKey !== null);
  if (keyed.length > 0) {
    const values = [keyed.map(({ client }) => client), keyed.map(({ idempotencyKey }) => idempotencyKey)];
    statements.push({ name: 'readKeys', values });
  }
  const ahead = new Map<string, Before>();
  for (const { writeId, referentialId, ...write } of blocked.toReversed())
    for (const name of [referentialId, keyOf(write)])
      if (name !== null) ahead.set(name, { writeId, position: Number.NEGATIVE_INFINITY });
  const bound = new Map<string, Row>();
  if (statements.length === 0) return [ahead, bound];
  const answers = await transaction.flight(statements);
  const rowsOf = (name: string): readonly Row[] =>
    answers[statements.findIndex((statement) => statement.name === name)]?.rows ?? [];
  for (const row of rowsOf('readAhead')) {
    const [id, before] = [
      row['referential_id'] as string,
      { writeId: row['write_id'] as string, position: row['position'] as number },
    ];
    const known = ahead.get(id);
    if (known === undefined || known.position > before.position) ahead.set(id, before);
  }
  for (const row of rowsOf('readKeys'))
    bound.set(keyOf({ client: row['client'] as string, idempotencyKey: row['key'] as string })!, row);
  return [ahead, bound];
}
