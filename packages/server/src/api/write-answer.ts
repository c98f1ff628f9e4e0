/** The answer to one write, the same for a single request, a line of a bulk request and a later read. */
import type { Model } from 'sluice/model';
import {
  isApplied,
  type Outcome,
  type OutcomeDetail,
  type Result,
  type RowOperation,
} from 'sluice/internal/protocol';
import { ExactJson } from './exact-json.ts';
import { problemOfOutcome, type Problem } from './problem.ts';

export interface WriteAnswer extends Pick<OutcomeDetail, 'key'> {
  status: number;
  result?: Result;
  id?: string | null;
  /** Content hash, without the quotes of the header. */
  etag?: string | null;
  location?: string;
  rows?: ExactJson;
  answer?: ExactJson;
  problem?: Problem;
}

export function answerOf(
  outcome: Outcome,
  operation: RowOperation | null,
  model: Model,
  basePath: string,
): WriteAnswer {
  const { result, documentId, contentHash, detail } = outcome;
  if (!isApplied(result)) {
    const problem = problemOfOutcome(outcome);
    return { status: problem.status, result, problem };
  }
  const status = result === 'created' ? 201 : result === 'deleted' || operation === 'update' ? 204 : 200;
  // For a row, a function or a handler.
  if (detail !== null) return { status, result, ...partsOf(detail) };
  if (result === 'deleted' || documentId === null) return { status, result, id: documentId };
  const endpoint = model.findEndpoint(outcome.resource)?.endpoint ?? outcome.resource;
  return {
    status,
    result,
    id: documentId,
    etag: contentHash,
    location: `${basePath}/data/${endpoint}/${documentId}`,
  };
}

function partsOf({ key, rowTexts, answerText }: OutcomeDetail): Pick<WriteAnswer, 'key' | 'rows' | 'answer'> {
  return {
    ...(key === undefined ? {} : { key }),
    ...(rowTexts === undefined ? {} : { rows: new ExactJson(`[${rowTexts.join(',')}]`) }),
    ...(answerText === undefined ? {} : { answer: new ExactJson(answerText) }),
  };
}
