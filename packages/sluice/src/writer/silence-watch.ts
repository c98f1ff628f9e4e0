/**
 * Ends a session whose answer was lost: its backend has ended, or waits for a statement. The duration of a statement
 * does not show that, so another connection asks.
 */
import type { Backend, Session } from '#store';

/** An answer that takes longer may be lost. */
const silenceMs = 2000;

/**
 * Watches until it is cleared. Behind a pooler, a transaction that has not begun has no backend. If another connection
 * gets an answer meanwhile, the session does not wait for its turn at the pooler.
 * @param isBackendWorking Whether this backend is at work for the session.
 */
export function watchSilence(
  session: Session,
  isBackendWorking: (backend: Backend) => Promise<boolean>,
): NodeJS.Timeout {
  let silentChecks = 0;
  let isAsking = false;
  return setInterval(() => {
    if (session.silentMs < silenceMs) silentChecks = 0;
    if (session.silentMs < silenceMs || isAsking) return;
    isAsking = true;
    void isBackendWorking(session.backend)
      // If the server does not answer, its own time limit ends the session.
      .catch(() => true)
      .then((isWorking) => {
        silentChecks = isWorking ? 0 : silentChecks + 1;
        // The first time, the answer may be about to arrive.
        if (silentChecks > 1) session.abandon();
      })
      .finally(() => (isAsking = false));
  }, silenceMs / 4);
}
