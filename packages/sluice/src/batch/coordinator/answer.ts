/** Outcomes, each made from a write and its result. */
import { namesItsTarget, type Outcome, type OutcomeDetail, type WriteHeader } from '#protocol';
import type { Row } from '#store';

export function refusal(
  write: WriteHeader,
  code: NonNullable<Outcome['code']>,
  detail: Outcome['detail'] = null,
): Outcome {
  return {
    writeId: write.writeId,
    result: 'refused',
    code,
    resource: write.resource,
    documentId: write.form === null && namesItsTarget(write.operation) ? write.documentId : null,
    version: null,
    contentHash: null,
    detail,
  };
}

/** The answer to a write that leaves no effect, now or later. */
export function notApplied(
  write: WriteHeader,
  code: NonNullable<Outcome['code']>,
  detail: Outcome['detail'] = null,
): Outcome {
  return { ...refusal(write, code, detail), result: 'not_applied', documentId: null };
}

/** An outcome from a row of sluice.outcome. */
export function outcomeOf(row: Row): Outcome {
  return {
    writeId: row['write_id'] as string,
    result: row['result'] as Outcome['result'],
    code: row['code'] as Outcome['code'],
    resource: row['resource'] as string,
    documentId: row['document_id'] as string | null,
    version: row['version'] as number | null,
    contentHash: row['content_hash'] as string | null,
    detail: detailOf(row['detail'] as StoredDetail | null),
  };
}

type StoredDetail = OutcomeDetail & { rows?: unknown[]; answer?: unknown };

/** Earlier versions have stored parsed rows and answers. */
function detailOf(stored: StoredDetail | null): OutcomeDetail | null {
  if (stored?.rows === undefined && stored?.answer === undefined) return stored;
  const { rows, answer, ...detail } = stored;
  if (rows !== undefined) detail.rowTexts = rows.map((row) => JSON.stringify(row));
  if (answer !== undefined) detail.answerText = JSON.stringify(answer);
  return detail;
}
