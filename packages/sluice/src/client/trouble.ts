/** What the server has refused, or lost, and when to try again: at once the first time, then after a rest that grows. */
import { DatabaseError, reconnectDelayMs } from '#store';

export class Trouble {
  #error: DatabaseError | null = null;
  #failures = 0;
  #restsUntil = 0;

  /** What the last try has met; null: it went well. */
  get error(): DatabaseError | null {
    return this.#error;
  }

  /** For how long the server is left alone yet. */
  get restMs(): number {
    return Math.max(0, this.#restsUntil - performance.now());
  }

  note(error: unknown): void {
    if (error instanceof DatabaseError) this.#error = error;
    // What was under way together fails together.
    if (this.restMs === 0 && this.#failures++ > 0)
      this.#restsUntil = performance.now() + reconnectDelayMs(this.#failures);
  }

  end(): void {
    this.#error = null;
    this.#failures = 0;
    this.#restsUntil = 0;
  }
}
