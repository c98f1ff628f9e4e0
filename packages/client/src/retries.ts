/** Writes that a batch of the node has left: each rests until it is tried again, or until another has had its turn. */
import { ContendedDocuments } from './contended-documents.ts';
import type { Submitter } from './waiter.ts';

/** How long a write rests at first that needs a row which another transaction has locked: batches hold one for milliseconds. */
const lockedRestMs = 5;

export class Retries {
  readonly #restMs: number;
  readonly #again: (waiters: readonly Submitter[]) => void;
  readonly #resting = new Set<Submitter>();
  readonly #contended = new ContendedDocuments<Submitter>();

  /**
   * @param restMs How long a write rests that waits for one in the intake, or for a connection.
   * @param again Tries these again now.
   */
  constructor(restMs: number, again: (waiters: readonly Submitter[]) => void) {
    this.#restMs = restMs;
    this.#again = again;
  }

  /** False: another write of its document is tried first. */
  admits(waiter: Submitter): boolean {
    return this.#contended.admits(waiter);
  }

  /** Rests until the next {@link end}. */
  rest(waiter: Submitter): void {
    if (this.admits(waiter)) this.#resting.add(waiter);
  }

  /** Rests for a short time: the row that it needs was locked. @param isAlone It has waited for the row, in vain */
  restBriefly(waiter: Submitter, isAlone: boolean): void {
    if (isAlone) this.#contended.note(waiter);
    if (!this.admits(waiter)) return;
    this.#resting.add(waiter);
    const restMs = Math.min(lockedRestMs * 2 ** waiter.lockTries++, this.#restMs);
    setTimeout(() => {
      if (this.#resting.delete(waiter)) this.#again([waiter]);
    }, restMs);
  }

  /** All that rest are tried again. */
  end(): void {
    const rested = [...this.#resting];
    this.#resting.clear();
    if (rested.length > 0) this.#again(rested);
  }

  /** It wants its document no more: the next that does is tried. */
  leave(waiter: Submitter): void {
    this.#resting.delete(waiter);
    const next = this.#contended.leave(waiter);
    if (next !== null) this.#again([next]);
  }
}
