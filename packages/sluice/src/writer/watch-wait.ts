/**
 * Finds the transaction that a session waits for, because such locks show only while a session waits: of a key that
 * another transaction inserts, or of a row that a function locks. The session itself is busy, so another connection
 * asks.
 */
export type FindBlocker = (pid: number) => Promise<string | null>;

/**
 * Asks again and again, until it is told or the returned function is called.
 * @param waitMs Longest wait of the session for a lock.
 * @returns Ends the search. Null: no such transaction was seen.
 */
export function watchWait(
  findBlocker: FindBlocker,
  pid: number,
  waitMs: number,
): () => Promise<string | null> {
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => (end = resolve));
  let isOver = false;
  const search = async (): Promise<string | null> => {
    for (;;) {
      let timer: NodeJS.Timeout | undefined;
      await Promise.race([ended, new Promise((resolve) => (timer = setTimeout(resolve, waitMs / 3)))]);
      clearTimeout(timer);
      if (isOver) return null;
      const blocker = await findBlocker(pid);
      if (blocker !== null) return blocker;
    }
  };
  // Only people read it: a failure has no effect.
  const found = search().catch(() => null);
  return () => {
    isOver = true;
    end();
    return found;
  };
}
