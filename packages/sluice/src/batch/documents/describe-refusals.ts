/**
 * Describes each missing reference from the bodies of the refused writes, with the result of the write that would
 * have provided it, if there was one.
 */
import type { Outcome, WriteHeader } from '#protocol';
import type { BatchTransaction } from '../coordinator/batch-transaction.ts';
import type { Plan } from './plan.ts';

/** Completes the answer to a write with missing references: adds names and places from its body. */
export type DescribeMissing = (
  resource: string,
  body: string,
  referentialIds: readonly string[],
) => NonNullable<Outcome['detail']>;

export async function describeRefusals(
  transaction: BatchTransaction,
  { outcomes }: Pick<Plan, 'outcomes'>,
  describeMissing: DescribeMissing,
): Promise<void> {
  const refused = outcomes.filter(({ outcome }) => outcome.code === 'unresolved_reference');
  if (refused.length === 0) return;
  const writes = refused.map(({ write }) => write);
  const failures = await readFailures(transaction, outcomes, writes);
  const answers = new Map(refused.map(({ write, outcome }) => [write.writeId, { write, outcome }]));
  for await (const [writeId, body] of transaction.bodiesOf(writes)) {
    const { write, outcome } = answers.get(writeId) as Plan['outcomes'][number];
    const missing = outcome.detail?.missing?.map((reference) => reference.referentialId);
    if (missing === undefined) continue;
    const detail = describeMissing(write.resource, body, missing);
    for (const reference of detail.missing ?? []) {
      const failure = failures.get(reference.referentialId);
      reference.reason = failure === undefined ? 'never_seen' : 'provider_failed';
      if (failure !== undefined && failure !== '') reference.providerCode = failure;
    }
    outcome.detail = detail;
  }
}

/** Codes of writes without effect, by the identities that they would have provided; empty: not known. */
async function readFailures(
  transaction: BatchTransaction,
  outcomes: Plan['outcomes'],
  refused: readonly WriteHeader[],
): Promise<Map<string, string>> {
  const failures = new Map<string, string>();
  for (const { write, outcome } of outcomes) {
    if (outcome.code === null || write.operation === 'delete') continue;
    for (const id of [write.referentialId, write.superclassId])
      if (id !== null) failures.set(id, outcome.code);
  }
  const waited = refused.filter((write) => write.wasBlocked).map((write) => write.writeId);
  if (waited.length === 0) return failures;
  for (const row of await transaction.run('readFailures', [waited])) {
    failures.set(row['awaited_id'] as string, row['failure'] as string);
  }
  return failures;
}
