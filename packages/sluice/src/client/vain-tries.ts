/**
 * The pause of the fast path after a failed try: four times the last one, less a tenth for each success since. A
 * failed try costs the leaders something, and a successful one takes writes from their batches. So the fast path
 * stops if more than about one in a dozen tries fails.
 */
import type { NotAtOnce } from '#batch';

const leastMs: Readonly<Record<NotAtOnce, number>> = { unfit: 10, busy: 100, disagreed: 10_000 };
const mostMs = 10_000;
const keptShare = 0.9;

export class VainTries {
  #pauseMs = 0;
  #until = 0;

  get isPausing(): boolean {
    return performance.now() < this.#until;
  }

  /** @param reason Why a try has failed; null: it succeeded. */
  note(reason: NotAtOnce | null): void {
    if (reason === null) {
      this.#pauseMs *= keptShare;
      return;
    }
    this.#pauseMs = Math.min(Math.max(4 * this.#pauseMs, leastMs[reason]), mostMs);
    this.#until = performance.now() + this.#pauseMs;
  }
}
