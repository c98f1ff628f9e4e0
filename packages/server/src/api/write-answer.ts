/** The answer to one write, the same for a single request, a line of a bulk request and a write asked for later. */
import type { Model } from 'sluice/model';
import { isApplied, type Operation, type Outcome, type Result } from 'sluice/internal/protocol';
import { problemOfOutcome, type Problem } from './problem.ts';

export interface WriteAnswer {
  status: number;
  result?: Result;
  id?: string | null;
  /** Content hash, without the quotes of the header. */
  etag?: string | null;
  location?: string;
  problem?: Problem;
}

export function answerOf(
  outcome: Outcome,
  operation: Operation | null,
  model: Model,
  basePath: string,
): WriteAnswer {
  const { result, documentId, contentHash } = outcome;
  if (!isApplied(result)) {
    const problem = problemOfOutcome(outcome);
    return { status: problem.status, result, problem };
  }
  const status = result === 'created' ? 201 : result === 'deleted' || operation === 'update' ? 204 : 200;
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
