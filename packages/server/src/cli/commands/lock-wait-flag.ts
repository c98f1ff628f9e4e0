/** How a command waits for locks that others hold: with messages, and up to a limit if one is set. */
import { holderText, type LockWaitOptions } from 'sluice/internal/store';
import { durationSetting } from '../config/setting-forms.ts';
import { complain, printJson } from '../process/output.ts';

export const lockWait = durationSetting(
  '--wait <duration>',
  'longest wait for a lock that another session holds: 30s, 5m',
  'for ever',
);

export function tellLockWait(seconds: number | undefined, isJson: boolean): LockWaitOptions {
  return {
    ...(seconds === undefined ? {} : { waitMs: seconds * 1000 }),
    onWait(holders) {
      if (isJson) printJson({ event: 'waiting', for: holders });
      complain(`Waiting for a lock that is held by ${holders.map(holderText).join(', ')}`);
    },
  };
}
