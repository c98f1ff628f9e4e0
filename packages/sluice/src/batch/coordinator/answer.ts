/** Outcomes, each made from a write and its result. */
import { namesItsTarget, type Outcome, type WriteHeader } from '#protocol';
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
    detail: row['detail'] as Outcome['detail'],
  };
}
