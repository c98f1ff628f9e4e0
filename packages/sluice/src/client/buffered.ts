/** A write between its node and the intake, and what its insert has come to. */
import { SluiceError, type ErrorCode, type Write } from '#protocol';

/** A write on its way to the intake. A waiter is one: its outcome comes later. */
export interface Buffered {
  readonly write: Write;
  /** It may be in the intake: an insert was sent, and its refusal is not known. */
  wasSent: boolean;
  /** When it came, and when to give up, by `performance.now()`. */
  readonly addedAt: number;
  readonly giveUpAt: number;
  /** The write is in the intake. */
  inserted(): void;
  /** The write is not taken, and is sent no more. */
  refuse(error: Error): void;
}

export function endInserted(batch: readonly Buffered[], left: Set<Buffered>): void {
  for (const each of batch) {
    left.delete(each);
    each.wasSent = true;
    each.inserted();
  }
}

export function endRefused(batch: readonly Buffered[], left: Set<Buffered>, error: Error): void {
  for (const each of batch) {
    left.delete(each);
    each.refuse(each.wasSent ? new SluiceError('outcome_unknown', undefined, { cause: error }) : error);
  }
}

/** @param code What is said of a write that was never sent; of the others nothing is known. */
export function refuseAll(writes: Iterable<Buffered>, code: ErrorCode): void {
  for (const each of writes) each.refuse(new SluiceError(each.wasSent ? 'outcome_unknown' : code));
}
