/** A request that waits for the outcome of a write: its own write, or one with the same idempotency key. */
import type { Outcome, SluiceError, Write } from '#protocol';

/** The owner of an unsettled write: the buffer before the intake, or a settler of the node. */
export interface Route {
  /** Takes the write further, and reports its end to the waiter. */
  send(waiter: Submitter): void;
  /**
   * Ends the wait, so the write is not sent again. Returns the answer if it is certain without a query; null: the
   * write has to be cancelled.
   */
  withdraw(waiter: Submitter): SluiceError | null;
}

/** Answers all requests that wait for a write. */
interface Refusals {
  reject(writeId: string, error: Error): void;
}

export type Submitter = Waiter & { readonly write: Write };

export class Waiter {
  readonly writeId: string;
  /** Null: the write was submitted before, and its sender sends it again if needed. */
  readonly write: Write | null;
  readonly outcome: Promise<Outcome>;
  readonly addedAt: number = performance.now();
  /** The buffer does not decide the end of the wait. */
  readonly giveUpAt = Number.POSITIVE_INFINITY;
  deadline: NodeJS.Timeout | undefined;
  /** The present owner of the write. */
  route: Route | null = null;
  /** A statement that inserts or applies the write was sent, and no refusal of it is known. */
  wasSent = false;
  /** A batch of this node has the write. */
  isUnderWay = false;
  /** The write is in the intake. If it is missing later, a crash of the server has lost it. */
  isInserted: boolean;
  /** When it was last read without a hint. */
  lookedAt: number = this.addedAt;
  /** The wait ends, or the node stops. */
  isEnding = false;
  /** How often the write has met a row that another transaction had locked. */
  lockTries = 0;
  #signal: AbortSignal | null = null;
  #forgetSignal: (() => void) | null = null;
  readonly #waits: Refusals;
  #resolve!: (outcome: Outcome) => void;
  #reject!: (error: Error) => void;

  constructor(waits: Refusals, writeId: string, write: Write | null) {
    this.#waits = waits;
    this.writeId = writeId;
    this.write = write;
    this.isInserted = write === null;
    this.outcome = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** An abort of the signal ends the wait. */
  endAt(signal: AbortSignal, end: () => void): void {
    this.#signal = signal;
    signal.addEventListener('abort', end, { once: true });
    this.#forgetSignal = () => signal.removeEventListener('abort', end);
  }

  /** Its caller has cancelled it. */
  get isAborted(): boolean {
    return this.#signal?.aborted === true;
  }

  isSubmitter(): this is Submitter {
    return this.write !== null;
  }

  inserted(): void {
    this.isInserted = true;
  }

  /** Answers all requests that wait for the write. */
  refuse(error: Error): void {
    this.#waits.reject(this.writeId, error);
  }

  resolve(outcome: Outcome): void {
    this.#endWait();
    this.#resolve(outcome);
  }

  reject(error: Error): void {
    this.#endWait();
    this.#reject(error);
  }

  #endWait(): void {
    clearTimeout(this.deadline);
    this.#forgetSignal?.();
  }
}
