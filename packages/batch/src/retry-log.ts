/** Tells a log of transactions of batches that failed: one line of each kind, and after ten seconds how many there were. */
import { Seldom } from '@sluice/protocol';
import type { BatchRetry } from './describe-retry.ts';

/** Takes the fields of a line and its message, as the methods of pino do. */
type Warn = (fields: Record<string, unknown>, message: string) => void;

const messages: Readonly<Record<BatchRetry['remedy'], string>> = {
  try_again: 'a batch is tried again',
  look_for_locks: 'a batch has waited for a lock in vain and is tried again',
  halve: 'a batch is tried again in halves',
  block: 'a write waits for a lock that another transaction holds',
  refuse: 'a projection has refused a write',
  answer_conflict: 'a write is answered with write_conflict: it failed each time',
  set_aside: 'a write is set aside: it failed alone each time',
};

export class RetryLog {
  readonly #warn: Warn;
  readonly #seldom: Seldom;

  constructor(warn: Warn, now: () => number = () => performance.now()) {
    this.#warn = warn;
    this.#seldom = new Seldom(now);
  }

  readonly note = (retry: BatchRetry): void => {
    const repeated = this.#seldom.note(`${retry.sqlState} ${retry.statement} ${retry.remedy}`);
    if (repeated !== null) this.#warn({ ...retry, ...repeated }, messages[retry.remedy]);
  };
}
