/**
 * The pause of the fast path after a try that came to nothing: four times as long as the last one, less a tenth for each
 * try that went well since. Where others are at work a try costs them something, too, and one that goes well takes writes
 * out of their batches: it is left to them where more than about one in a dozen comes to nothing.
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

  /** @param reason Why a try has come to nothing; null: it went well. */
  note(reason: NotAtOnce | null): void {
    if (reason === null) {
      this.#pauseMs *= keptShare;
      return;
    }
    this.#pauseMs = Math.min(Math.max(4 * this.#pauseMs, leastMs[reason]), mostMs);
    this.#until = performance.now() + this.#pauseMs;
  }
}
