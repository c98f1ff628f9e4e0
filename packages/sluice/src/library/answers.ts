/** Converts outcomes of documents to the typed answers of a program. */
import { errorTable, isApplied, SluiceError, type Outcome } from '#protocol';
import type { Refusal, Written } from './contract.ts';

/** @throws {SluiceError} if the write was refused or not applied */
export function answerOf(outcome: Outcome): Written {
  if (isApplied(outcome.result)) return writtenOf(outcome);
  const { code, detail, writeId } = outcome;
  throw new SluiceError(code!, undefined, { detail: { ...detail, writeId } });
}

function writtenOf({ documentId, result, version, contentHash, writeId }: Outcome): Written {
  return {
    id: documentId!,
    result: result as Written['result'],
    version: version!,
    etag: result === 'deleted' ? null : contentHash,
    writeId,
  };
}

export function refusalOf({ documentId, result, code, detail, writeId }: Outcome): Refusal {
  const { status, detail: message } = errorTable[code!];
  return {
    id: documentId,
    result: result as Refusal['result'],
    code: code!,
    status,
    message,
    detail,
    writeId,
  };
}
