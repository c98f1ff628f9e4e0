/** A client's idempotency key stands for its first settled write: later requests with the key get the same outcome. */
import { namesItsTarget, type Outcome, type WriteHeader } from '#protocol';
import { refusal } from './answer.ts';

export interface SettledKey {
  fingerprint: string;
  /** Null: the outcome was deleted by retention. */
  outcome: Outcome | null;
}

/** A client's idempotency key as one string; the separator cannot occur in a header. */
export function keyOf(write: Pick<WriteHeader, 'client' | 'idempotencyKey'>): string | null {
  return write.idempotencyKey === null ? null : `${write.client}\u0000${write.idempotencyKey}`;
}

/** What must be equal for two requests with one key to count as the same request. */
export function fingerprintOf(
  write: Pick<WriteHeader, 'operation' | 'resource' | 'contentHash' | 'documentId'>,
): string {
  const target = namesItsTarget(write.operation) ? write.documentId : '';
  return `${write.operation} ${write.resource} ${target} ${write.contentHash}`;
}

/** The answer to a write whose key is bound already. */
export function replay(write: WriteHeader, first: SettledKey): Outcome {
  if (first.fingerprint !== fingerprintOf(write)) return refusal(write, 'idempotency_key_reused');
  if (first.outcome === null) return refusal(write, 'outcome_expired');
  return { ...first.outcome, writeId: write.writeId };
}
