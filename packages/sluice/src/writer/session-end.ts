/** Why the session of a leader has ended. */
import { DeposedError } from '#batch';
import { SluiceError } from '#protocol';
import { DatabaseError } from '#store';
import type { SessionEnd } from './observer.ts';

/** The deployment has agreed on other projections: it settles nothing until they are those of this process again. */
export function isDisagreement(error: unknown): boolean {
  return error instanceof SluiceError && error.code === 'deployment_disagrees';
}

/** True if the session ended for a reason that every deployment knows: nothing to tell anybody about. */
export function isExpectedEnd(error: unknown): boolean {
  return error instanceof DeposedError || (error instanceof DatabaseError && error.isConnectionLoss);
}

export function endOf(error: unknown): SessionEnd {
  if (error instanceof DeposedError) return 'deposed';
  return isExpectedEnd(error) ? 'connection_lost' : 'failed';
}
