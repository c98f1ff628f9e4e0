/** Outcomes, each from a write and what became of it. */
import type { Outcome, WriteHeader } from '@sluice/protocol';
import type { DocumentState } from './world.ts';

/** References that are told of a write that lacks more: an answer is to be read, and by a node with many others. */
export const missingToldMax = 1_000;

export function settled(write: WriteHeader, result: Outcome['result'], state: DocumentState): Outcome {
  return {
    writeId: write.writeId,
    result,
    code: null,
    resource: write.resource,
    documentId: state.documentId,
    version: state.version,
    contentHash: result === 'deleted' ? null : state.contentHash,
    detail: null,
  };
}

export function refusal(write: WriteHeader, code: NonNullable<Outcome['code']>): Outcome {
  return {
    writeId: write.writeId,
    result: 'refused',
    code,
    resource: write.resource,
    documentId: write.operation === 'upsert' ? null : write.documentId,
    version: null,
    contentHash: null,
    detail: null,
  };
}

/** The answer to a write that leaves no effect, now or later. */
export function notApplied(
  write: WriteHeader,
  code: NonNullable<Outcome['code']>,
  detail: Outcome['detail'] = null,
): Outcome {
  return { ...refusal(write, code), result: 'not_applied', documentId: null, detail };
}
