/** A write that waits for its insert into the intake. A waiter is one, too; its outcome comes later. */
import { SluiceError, type ErrorCode, type Write } from '#protocol';

export interface Buffered {
  readonly write: Write;
  /** The write may be in the intake: an insert was sent, and no refusal of it is known. */
  wasSent: boolean;
  /** When the write came, and when to give up, by `performance.now()`. */
  readonly addedAt: number;
  readonly giveUpAt: number;
  /** The write is in the intake. */
  inserted(): void;
  /** The write is not taken, and not sent again. */
  refuse(error: Error): void;
}

/** @param code Code for a write that was never sent; the fate of other writes is unknown. */
export function refuseAll(writes: Iterable<Buffered>, code: ErrorCode): void {
  for (const each of writes) each.refuse(new SluiceError(each.wasSent ? 'outcome_unknown' : code));
}
