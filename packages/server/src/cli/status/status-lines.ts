/** A status in words: problems, content, waiting writes, then the lanes. */
import type { Status } from 'sluice/operator';
import { laneLines } from '../operate/lane-lines.ts';
import { ageText, counted, number } from '../operate/text.ts';

/** Lines of lanes that fit on a screen with the rest. */
const lanesShown = 24;

/** @param perSecond Writes settled a second since the last reading; null: there was none. */
export function statusLines(status: Status, perSecond: number | null = null): string[] {
  const { isHealthy, problems, documents, references, isEstimated, backlog, blocked, oldestSeconds } = status;
  const { deadLetters, lanes, lanesWithoutLeader, lanesPaused, writers } = status;
  return [
    isHealthy ? 'Healthy' : `Wants attention: ${problems.join('; ')}`,
    `${isEstimated ? 'about ' : ''}${number.format(documents)} documents, ${number.format(references)} references`,
    ...(perSecond === null ? [] : [`${counted(Math.round(perSecond), 'write')} settled each second`]),
    backlog === 0
      ? 'no writes wait'
      : `${counted(backlog, 'write waits', 'writes wait')}, ${number.format(blocked)} of them blocked, the oldest for ${ageText(oldestSeconds ?? 0)}`,
    deadLetters === 0 ? 'no dead letters' : counted(deadLetters, 'dead letter'),
    counted(writers, 'writer'),
    lanes.length === 0
      ? 'no lanes yet: no node or writer has started on this database'
      : `${counted(lanes.length, 'lane')}, ${lanesWithoutLeader === 0 ? 'all with a leader' : `${lanesWithoutLeader} without a leader`}` +
        (lanesPaused === 0 ? '' : `, ${lanesPaused} paused`),
    ...(lanes.length === 0 ? [] : ['', ...laneLines(lanes, status.readAt, lanesShown)]),
  ];
}
