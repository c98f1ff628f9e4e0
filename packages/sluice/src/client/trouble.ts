/** The last refusal or loss of the server, and when to try again: the first time without delay, then after growing pauses. */
import { DatabaseError, reconnectDelayMs } from '#store';

export class Trouble {
  #error: DatabaseError | null = null;
  #failures = 0;
  #restsUntil = 0;

  /** The error of the last try; null: it succeeded. */
  get error(): DatabaseError | null {
    return this.#error;
  }

  /** Milliseconds until the next try. */
  get restMs(): number {
    return Math.max(0, this.#restsUntil - performance.now());
  }

  note(error: unknown): void {
    if (error instanceof DatabaseError) this.#error = error;
    // Work that is under way at the same time fails together, and counts once.
    if (this.restMs === 0 && this.#failures++ > 0)
      this.#restsUntil = performance.now() + reconnectDelayMs(this.#failures);
  }

  end(): void {
    this.#error = null;
    this.#failures = 0;
    this.#restsUntil = 0;
  }
}
