/** The answer to a write whose rows are settled. */
import type { Outcome } from '#protocol';
import { refusal } from '../coordinator/answer.ts';
import type { RowFate } from './run-rows.ts';

export function outcomeOfRow({ write, state, key, rows, constraint }: RowFate): Outcome {
  if (state === 'absent') return refusal(write, 'row_not_found');
  if (state === 'exists')
    return refusal(write, 'row_exists', { database: { sqlState: '23505', constraint, column: null } });
  const detail = { ...(key === null ? {} : { key }), ...(rows === null ? {} : { rows }) };
  return {
    writeId: write.writeId,
    result: state as Outcome['result'],
    code: null,
    resource: write.resource,
    documentId: null,
    version: null,
    contentHash: null,
    detail: key === null && rows === null ? null : detail,
  };
}
