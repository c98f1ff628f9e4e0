/** What operators see of a leader that tries a batch again: a row for each of its lanes, gone once the batch has ended. */
import type { Session } from '@sluice/store';
import type { Origin } from './origin.ts';

export class RetryNote {
  readonly #session: Session;
  readonly #origin: Origin;
  #isWritten = false;

  constructor(session: Session, origin: Origin) {
    this.#session = session;
    this.#origin = origin;
  }

  /**
   * Outside of any transaction; nothing hangs on its success.
   * @param attempt Number of the attempt that failed.
   */
  async write(attempt: number, pauseMs: number, code: string | null): Promise<void> {
    const { terms } = this.#origin;
    if (terms.size === 0) return;
    this.#isWritten = true;
    const values = [[...terms.keys()], [...terms.values()], attempt, pauseMs, code];
    await this.#session.flight([{ name: 'noteRetry', values, isOptional: true }]);
  }

  async forget(): Promise<void> {
    if (!this.#isWritten) return;
    this.#isWritten = false;
    const values = [[...this.#origin.terms.keys()]];
    await this.#session.flight([{ name: 'forgetRetry', values, isOptional: true }]);
  }
}
