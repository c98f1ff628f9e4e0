/** Converts outcomes of documents to the typed answers of a program. */
import { errorTable, isApplied, SluiceError, type Outcome, type OutcomeCode } from '#protocol';
import type { Refusal, Written } from './contract.ts';

/** What the state of the data refuses, which a node may know before there is a write. */
const earlyCodes: ReadonlySet<string> = new Set<OutcomeCode>([
  'document_not_found',
  'idempotency_key_reused',
  'outcome_expired',
]);

type EarlyRefusal = Omit<Refusal, 'id'>;

/** The answer to an outcome; a refusal before there is a write is returned as one after it is, where it is not to be thrown. */
export function answerTo<A>(
  submitted: Promise<Outcome>,
  { throwOnRefusal = true }: { throwOnRefusal?: boolean },
  answer: (outcome: Outcome) => A,
): Promise<A | EarlyRefusal> {
  return submitted.then(answer, (error: unknown): EarlyRefusal => {
    if (throwOnRefusal || !(error instanceof SluiceError) || !earlyCodes.has(error.code)) throw error;
    const code = error.code as OutcomeCode;
    const { status, message } = error;
    return { result: 'refused', code, status, message, detail: null, writeId: null };
  });
}

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
