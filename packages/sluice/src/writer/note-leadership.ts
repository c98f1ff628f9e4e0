/** Reports to the log and the observer which lanes a session leads, and why it has ended: each once, until something changes. */
import type { FailureLog } from '#protocol';
import type { Logger } from 'pino';
import type { LaneSessionOptions } from './lane-session-options.ts';
import type { WriterObserver } from './observer.ts';
import { endOf, isDisagreement, isExpectedEnd } from './session-end.ts';

interface NoteLeadershipOptions {
  log: Logger | undefined;
  observer: WriterObserver | undefined;
  failures: FailureLog;
  onLanes: () => void;
}

export function noteLeadership({
  log,
  observer,
  failures,
  onLanes,
}: NoteLeadershipOptions): Pick<LaneSessionOptions, 'onLanes' | 'onError'> {
  let isLeading = false;
  let hasToldDisagreement = false;
  return {
    onLanes(led, taken) {
      onLanes();
      if (taken > 0) observer?.led(taken);
      // While it finds no server, it would report the same loss repeatedly.
      if (led.length > 0 || isLeading) log?.info({ lanes: led }, led.length > 0 ? 'leads' : 'leads nothing');
      isLeading = led.length > 0;
      if (isLeading) hasToldDisagreement = false;
    },
    onError(error) {
      observer?.sessionEnded(endOf(error));
      // The session meets this error at each try, until the process is restarted.
      if (isDisagreement(error) && hasToldDisagreement) return;
      hasToldDisagreement ||= isDisagreement(error);
      const level = isExpectedEnd(error) ? 'warn' : 'error';
      failures.note(error, 'lead lanes', { level, message: 'session ended' });
    },
  };
}
