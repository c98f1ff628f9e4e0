/** A request that waits for the outcome of a write: the one that submitted it, or one with the same idempotency key. */
import type { Outcome, SluiceError, Write } from '#protocol';

/** What has a write that is not settled: the buffer before the intake, or a settler of the node. */
export interface Route {
  /** Takes the write further; the waiter hears of its end. */
  send(waiter: Submitter): void;
  /**
   * Its time is up: it is sent no more. Gives the answer, if it is certain without asking the database; null: the write
   * has to be cancelled.
   */
  withdraw(waiter: Submitter): SluiceError | null;
}

/** Answers all who wait for a write. */
interface Refusals {
  reject(writeId: string, error: Error): void;
}

export type Submitter = Waiter & { readonly write: Write };

export class Waiter {
  readonly writeId: string;
  /** Null: the write was submitted before, and its sender sends it again if need be. */
  readonly write: Write | null;
  readonly outcome: Promise<Outcome>;
  readonly addedAt: number = performance.now();
  /** The end of its wait is not the buffer's business. */
  readonly giveUpAt = Number.POSITIVE_INFINITY;
  deadline: NodeJS.Timeout | undefined;
  /** Has the write now. */
  route: Route | null = null;
  /** A statement that takes the write into the intake, or applies it, was sent, and its refusal is not known. */
  wasSent = false;
  /** A batch of this node has the write. */
  isUnderWay = false;
  /** The write is in the intake: from now on, absence means that a crash of the server took it. */
  isInserted: boolean;
  /** When it was looked for without a hint. */
  lookedAt: number = this.addedAt;
  /** Its time is up, or the node stops. */
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

  /** Its wait ends when the signal is aborted. */
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

  /** Answers all who wait for the write. */
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
