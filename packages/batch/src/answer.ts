/** Outcomes, each from a write and what became of it. */
import type { Outcome, WriteHeader } from '@sluice/protocol';
import type { DocumentState } from './world.ts';

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
