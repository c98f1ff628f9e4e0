/**
 * Ends a session whose answer was lost: its backend has ended, or waits for a statement. The duration of a statement
 * does not show that, so another connection asks.
 */
import type { Session } from '#store';

/** An answer that takes longer may be lost. */
const silenceMs = 2000;

/**
 * Watches until it is cleared.
 * @param isBackendWorking Whether the backend of this process id is at work.
 */
export function watchSilence(
  session: Session,
  isBackendWorking: (pid: number) => Promise<boolean>,
): NodeJS.Timeout {
  let silentChecks = 0;
  let isAsking = false;
  return setInterval(() => {
    if (session.silentMs < silenceMs) silentChecks = 0;
    if (session.silentMs < silenceMs || isAsking || session.pid === 0) return;
    isAsking = true;
    void isBackendWorking(session.pid)
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
