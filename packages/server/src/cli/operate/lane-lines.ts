/** Lanes for people: a table in which similar neighbours share a line. */
import type { LaneStatus } from 'sluice/operator';
import { holderText } from 'sluice/internal/store';
import { ageText, number, tableLines } from './text.ts';

/**
 * @param readAt When they were read, by the database's clock.
 * @param most Most lines of lanes, e.g. for a screen.
 */
export function laneLines(
  lanes: readonly LaneStatus[],
  readAt: string,
  most = Number.POSITIVE_INFINITY,
): string[] {
  const now = Date.parse(readAt);
  const groups: { first: number; last: number; cells: string[] }[] = [];
  for (const lane of lanes) {
    const cells = cellsOf(lane, now);
    const before = groups.at(-1);
    if (before !== undefined && before.cells.join('\0') === cells.join('\0')) before.last = lane.lane;
    else groups.push({ first: lane.lane, last: lane.lane, cells });
  }
  const shown = groups.slice(0, most);
  const lines = tableLines(
    ['LANE', 'READY', 'BLOCKED', 'OLDEST', 'TERM', 'WRITER', 'STATE'],
    shown.map(({ first, last, cells }) => [first === last ? `${first}` : `${first}–${last}`, ...cells]),
  );
  return groups.length > shown.length
    ? [...lines, `and ${groups.length - shown.length} lines more: sluice lanes`]
    : lines;
}

function cellsOf(lane: LaneStatus, now: number): string[] {
  const { ready, blocked, oldestAcceptedAt, term, writer, isLed } = lane;
  const who = writer === null ? '-' : `${writer.host}/${writer.processId}`;
  return [
    number.format(ready),
    number.format(blocked),
    oldestAcceptedAt === null ? '-' : ageText(Math.max(0, (now - Date.parse(oldestAcceptedAt)) / 1000)),
    String(term),
    isLed || writer === null ? who : `(${who})`,
    stateOf(lane),
  ];
}

function stateOf(lane: LaneStatus): string {
  const { isLed, leaderlessSince, lockedBy, pausedAt, pausedBy, retry, quarantinedSince } = lane;
  const parts = [isLed ? 'led' : `no leader since ${leaderlessSince ?? '?'}`];
  if (lockedBy !== null) parts.push(`lock held by ${holderText(lockedBy)}`);
  if (pausedAt !== null) parts.push(`paused by ${pausedBy} since ${pausedAt}`);
  if (retry !== null) parts.push(`tries again after ${retry.error ?? 'an error'}, attempt ${retry.attempt}`);
  if (quarantinedSince !== null) parts.push('in quarantine because its leader crashed');
  return parts.join('; ');
}
