/**
 * Writes that a batch of the node has left: each rests until it is tried again. If one write has waited in vain for
 * the lock of a document, only one write to that document is tried at a time. Otherwise all sessions of the node
 * would wait for it.
 */
import type { Submitter } from './waiter.ts';

/** First rest, in milliseconds, of a write that needs a locked row: batches hold locks for milliseconds. */
const lockedRestMs = 5;

export class Retries {
  readonly #restMs: number;
  readonly #again: (waiters: readonly Submitter[]) => void;
  readonly #resting = new Set<Submitter>();
  /** By identity: the write that is tried, and the writes that wait for it, in order. */
  readonly #contended = new Map<string, Submitter[]>();

  /**
   * @param restMs Rest in milliseconds of a write that waits for one in the intake, or for a connection.
   * @param again Tries these writes again.
   */
  constructor(restMs: number, again: (waiters: readonly Submitter[]) => void) {
    this.#restMs = restMs;
    this.#again = again;
  }

  /** False: another write to its document is tried first, and this one waits. */
  admits(waiter: Submitter): boolean {
    const line = this.#contended.get(waiter.write.referentialId);
    if (line === undefined || line[0] === waiter) return true;
    line.push(waiter);
    return false;
  }

  /** Rests until the next {@link end}. */
  rest(waiter: Submitter): void {
    if (this.admits(waiter)) this.#resting.add(waiter);
  }

  /** Rests briefly, because the row that the write needs was locked. @param isAlone The write has waited for the row in vain. */
  restBriefly(waiter: Submitter, isAlone: boolean): void {
    const { referentialId } = waiter.write;
    if (isAlone && !this.#contended.has(referentialId)) this.#contended.set(referentialId, [waiter]);
    if (!this.admits(waiter)) return;
    this.#resting.add(waiter);
    const restMs = Math.min(lockedRestMs * 2 ** waiter.lockTries++, this.#restMs);
    setTimeout(() => {
      if (this.#resting.delete(waiter)) this.#again([waiter]);
    }, restMs);
  }

  /** Tries all resting writes again. */
  end(): void {
    const rested = [...this.#resting];
    this.#resting.clear();
    if (rested.length > 0) this.#again(rested);
  }

  /** The write no longer wants its document, so the next one is tried. */
  leave(waiter: Submitter): void {
    this.#resting.delete(waiter);
    const { referentialId } = waiter.write;
    const line = this.#contended.get(referentialId);
    const place = line?.indexOf(waiter) ?? -1;
    if (line === undefined || place < 0) return;
    line.splice(place, 1);
    if (line[0] === undefined) this.#contended.delete(referentialId);
    else if (place === 0) this.#again([line[0]]);
  }
}
