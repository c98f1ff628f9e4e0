/**
 * Finds the transaction that a session waits for, because such locks show only while a session waits: of a key that
 * another transaction inserts, or of a row that a function locks. The session itself is busy, so another connection
 * asks.
 */
export type FindBlocker = (pid: number) => Promise<string | null>;

export class WaitWatch {
  readonly #findBlocker: FindBlocker;
  #isAsking = false;

  constructor(findBlocker: FindBlocker) {
    this.#findBlocker = findBlocker;
  }

  /**
   * Asks again and again, until it is told or the returned function is called. It asks nothing while an earlier
   * question is open.
   * @param waitMs Longest wait of the session for a lock.
   * @returns Ends the search, and says what is known by then. Null: no such transaction was seen.
   */
  begin(pid: number, waitMs: number): () => string | null {
    let blocker: string | null = null;
    let isOver = false;
    const search = async (): Promise<void> => {
      if (!this.#isAsking) blocker = await this.#ask(pid);
      if (blocker === null && !isOver) timer.refresh();
    };
    const timer = setTimeout(() => void search(), waitMs / 3);
    return () => {
      isOver = true;
      clearTimeout(timer);
      return blocker;
    };
  }

  /** Only people read the answer: a failure has no effect. */
  async #ask(pid: number): Promise<string | null> {
    this.#isAsking = true;
    try {
      return await this.#findBlocker(pid);
    } catch {
      return null;
    } finally {
      this.#isAsking = false;
    }
  }
}
