/** Reasons as sentences, so that all views of operators use the same words. */
import { reasons, standings } from '#protocol';
import { holderText } from '#store';
import type { Awaited, Leadership, StuckWrite } from './contract.ts';

/** Why a write is not settled, to end the sentence "It …". */
export function explainWrite(write: StuckWrite): string {
  const { reason, awaits, awaitsCount, error, attempts, leadership, heldBy } = write;
  if (reason === 'blocked' && awaits[0] !== undefined) {
    const more = awaitsCount - 1;
    return `waits for ${explainAwaited(awaits[0])}${more > 0 ? `, and for ${more} more` : ''}`;
  }
  if (leadership !== null)
    return `${reasons[reason]}, which ${explainLane(leadership)}${explainHolders(heldBy)}`;
  if (reason === 'locked') return `${reasons[reason]}${explainHolders(heldBy)}`;
  if (error === null) return reasons[reason];
  const tries = attempts === null ? '' : `, attempt ${attempts}`;
  return `${reasons[reason]}: ${explainError(error)}${tries}`;
}

/** The holders of locks, to end a sentence about a waiting session. */
export function explainHolders(heldBy: StuckWrite['heldBy']): string {
  const [first] = heldBy;
  if (first === undefined) return '';
  const { pid, application, since } = first;
  const more = heldBy.length > 1 ? `, and ${heldBy.length - 1} more` : '';
  const name = application === '' ? '' : `, ${application}`;
  return `: process ${pid} of the server${name}${since === null ? '' : `, since ${since}`}${more}`;
}

/** The name and the place of an awaited reference or earlier write. */
export function explainAwaited(awaited: Awaited): string {
  const { kind, awaitedId, standing, failure, provider, resource, identity } = awaited;
  if (kind === 'lock') return `a row of the write ${awaitedId}, which ${standings[standing]}`;
  const name =
    kind === 'predecessor'
      ? `the earlier write ${awaitedId}`
      : `${resource ?? 'a document'} ${identity === null ? awaitedId : `(${identity})`}`;
  const where =
    provider === null ? '' : ` (write ${provider.writeId}, lane ${provider.lane}: ${provider.reason})`;
  return `${name}, which ${standings[standing]}${failure === null ? '' : ` (${failure})`}${where}`;
}

export function explainError(error: NonNullable<StuckWrite['error']>): string {
  const { code, constraint, table } = error;
  const place = [table === null ? '' : ` in ${table}`, constraint === null ? '' : ` (${constraint})`].join(
    '',
  );
  return `${code === null ? 'an error of the program' : `error ${code}`}${place}`;
}

/** The state of a lane, to end the sentence "It …". */
export function explainLane(lane: Leadership): string {
  const who = lane.writer === null ? null : `${lane.writer.host}/${lane.writer.processId}`;
  const led = lane.isLed
    ? `is led by ${who ?? 'an unknown writer'} since ${lane.ledSince ?? '?'}, term ${lane.term}`
    : `has no leader since ${lane.leaderlessSince ?? '?'}; ${who === null ? 'none is known' : `the last was ${who}`}`;
  const locked = lane.lockedBy === null ? '' : `; its lock is held by ${holderText(lane.lockedBy)}`;
  const paused = lane.pausedAt === null ? '' : `; paused by ${lane.pausedBy} since ${lane.pausedAt}`;
  const { retry } = lane;
  const tries =
    retry === null
      ? ''
      : `; tries again after error ${retry.error ?? '?'}, attempt ${retry.attempt}, next at ${retry.nextAt}`;
  const quarantine =
    lane.quarantinedSince === null
      ? ''
      : `; in quarantine: its leader crashed at ${lane.quarantinedSince} or before, so the next leader tries its writes in parts`;
  return led + locked + paused + tries + quarantine;
}
