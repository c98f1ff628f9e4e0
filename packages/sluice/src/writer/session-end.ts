/** Why the session of a leader has ended. */
import { DeposedError } from '#batch';
import { SluiceError } from '#protocol';
import { DatabaseError } from '#store';
import type { SessionEnd } from './observer.ts';

/** The deployment has agreed on other projections, so this process settles nothing until they match again. */
export function isDisagreement(error: unknown): boolean {
  return error instanceof SluiceError && error.code === 'deployment_disagrees';
}

/** Whether the session ended for an ordinary reason, which is not reported. */
export function isExpectedEnd(error: unknown): boolean {
  return error instanceof DeposedError || (error instanceof DatabaseError && error.isConnectionLoss);
}

export function endOf(error: unknown): SessionEnd {
  if (error instanceof DeposedError) return 'deposed';
  return isExpectedEnd(error) ? 'connection_lost' : 'failed';
}
