/**
 * Ends a session whose answer was lost on its way: its backend has ended, or waits for a statement. How long a statement
 * takes says nothing of that, so it is asked of another connection.
 */
import type { Session } from '#store';

/** An answer that has been awaited for this long may have been lost. */
const silenceMs = 2000;

/**
 * Watches until it is cleared.
 * @param isBackendWorking Whether the backend of this process id works on something.
 */
export function watchSilence(
  session: Session,
  isBackendWorking: (pid: number) => Promise<boolean>,
): NodeJS.Timeout {
  let suspicions = 0;
  let isAsking = false;
  return setInterval(() => {
    if (session.silentMs < silenceMs) suspicions = 0;
    if (session.silentMs < silenceMs || isAsking || session.pid === 0) return;
    isAsking = true;
    void isBackendWorking(session.pid)
      // If the server does not answer, its own time limit ends it.
      .catch(() => true)
      .then((isWorking) => {
        suspicions = isWorking ? 0 : suspicions + 1;
        // Once, the answer may just be on its way.
        if (suspicions > 1) session.abandon();
      })
      .finally(() => (isAsking = false));
  }, silenceMs / 4);
}
