/** While the server lacks what every batch needs, nothing is settled and heartbeats go on; the pauses between tries grow. */
import { DatabaseError, reconnectDelayMs, type Session } from '#store';

export class ServerTrouble {
  readonly #session: Session;
  readonly #onTrouble: (error: DatabaseError) => void;
  #failures = 0;
  #goOnAt = 0;

  constructor(session: Session, onTrouble: (error: DatabaseError) => void) {
    this.#session = session;
    this.#onTrouble = onTrouble;
  }

  /** Milliseconds until the next try; 0: now. */
  get waitMs(): number {
    return Math.max(0, this.#goOnAt - performance.now());
  }

  /** Runs the work. If the server refuses it and no write is at fault, the session goes on leading and retries later. */
  async guard(work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.#failures = 0;
    } catch (error) {
      if (!(error instanceof DatabaseError) || !(error.isServerTrouble || error.isLockWaitOver)) throw error;
      if (error.isServerTrouble) this.#onTrouble(error);
      else await this.#session.flight([{ name: 'rollback' }]);
      this.#goOnAt = performance.now() + reconnectDelayMs(this.#failures++);
    }
  }
}
