/** Converts outcomes to the typed answers of a program. */
import {
  isApplied,
  errorTable,
  parsedDetail,
  refusalSentence,
  SluiceError,
  type Outcome,
  type OutcomeCode,
} from '#protocol';
import type { Refusal, Written } from './contract.ts';
import type { RowRefusal } from './row-contract.ts';

export interface AnswerOptions {
  throwOnRefusal?: boolean;
}

/** What the state of the data refuses, which a node may know before there is a write. */
const earlyCodes: ReadonlySet<string> = new Set<OutcomeCode>([
  'document_not_found',
  'idempotency_key_reused',
  'outcome_expired',
]);

/** The answer to an outcome; a refusal before there is a write is returned as one after it is, where it is not to be thrown. */
export function answerTo<A>(
  submitted: Promise<Outcome>,
  { throwOnRefusal = true }: AnswerOptions,
  answer: (outcome: Outcome) => A,
): Promise<A | RowRefusal> {
  return submitted.then(answer, (error: unknown): RowRefusal => {
    if (throwOnRefusal || !(error instanceof SluiceError) || !earlyCodes.has(error.code)) throw error;
    const code = error.code as OutcomeCode;
    const { status, message } = error;
    return { result: 'refused', code, status, message, detail: null, writeId: null };
  });
}

/** The answer to a write of a document. @throws {SluiceError} for a refusal, unless refusals are returned */
export function answerOf(outcome: Outcome, options: AnswerOptions = {}): Written | Refusal {
  const { documentId, result, version, contentHash, writeId } = outcome;
  if (!isApplied(result)) return { id: documentId, ...refusalOf(outcome, options) };
  return {
    id: documentId!,
    result: result as Written['result'],
    version: version!,
    etag: result === 'deleted' ? null : contentHash,
    writeId,
  };
}

/** @throws {SluiceError} unless refusals are returned */
export function refusalOf(
  { result, code, detail: told, writeId }: Outcome,
  { throwOnRefusal = true }: AnswerOptions,
): RowRefusal {
  const { status } = errorTable[code!];
  const message = refusalSentence(code!, told);
  const detail = told && parsedDetail(told);
  if (throwOnRefusal) throw new SluiceError(code!, message, { detail: { ...detail, writeId } });
  return { result: result as RowRefusal['result'], code: code!, status, message, detail, writeId };
}
