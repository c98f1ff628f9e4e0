/** The answer to a write whose rows are settled. */
import type { Outcome } from '#protocol';
import { refusal } from '../coordinator/answer.ts';
import type { RowFate } from './run-rows.ts';

export function outcomeOfRow({ write, state, key, rows, constraint, column }: RowFate): Outcome {
  if (state === 'absent') return refusal(write, 'row_not_found');
  if (state === 'exists')
    return refusal(write, 'row_exists', { database: { sqlState: '23505', constraint, column: null } });
  // As PostgreSQL has it: the second row would change what the first has written.
  if (state === 'repeated')
    return refusal(write, 'row_invalid', { database: { sqlState: '21000', constraint, column } });
  const detail = { ...(key === null ? {} : { key }), ...(rows === null ? {} : { rowTexts: rows }) };
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
