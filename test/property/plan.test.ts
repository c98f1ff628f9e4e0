import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { planBatch } from 'sluice/internal/batch';
import { describeCase, planCase } from '../support/plan-case.ts';
import { runPlanCase } from '../support/plan-run.ts';

const cases = Number(process.env['SLUICE_PROPERTY_CASES'] ?? 300);

describe('any plan', () => {
  test(
    'any plan equals its writes applied one at a time',
    () => {
      const answers = new Map<string, number>();
      fc.assert(
        fc.property(planCase(), (each) => {
          try {
            for (const [answer, count] of runPlanCase(each, planBatch).answers) {
              answers.set(answer, (answers.get(answer) ?? 0) + count);
            }
          } catch (error) {
            throw new Error(describeCase(each), { cause: error });
          }
        }),
        { numRuns: cases },
      );
      // The cases are worth something only if they meet every answer.
      expect([...answers.keys()].toSorted()).toEqual([
        'created',
        'deleted',
        'document_not_found',
        'document_referenced',
        'idempotency_key_reused',
        'identity_conflict',
        'immutable_identity',
        'precondition_failed',
        'unchanged',
        'unresolved_reference',
        'updated',
      ]);
    },
    30_000 + cases * 20,
  );
});
