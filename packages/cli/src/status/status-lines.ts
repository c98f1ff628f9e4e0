/** A status in words: what is held, what waits, then the lanes, neighbours that are alike in one line. */
import type { LaneStatus, Status } from './read-status.ts';

const number = new Intl.NumberFormat('en-US');

export function statusLines(status: Status): string[] {
  const { documents, backlog, blocked, deadLetters, oldestSeconds, lanes, lanesWithoutLeader } = status;
  return [
    `${number.format(documents)} documents, ${number.format(status.references)} references`,
    backlog === 0
      ? 'no writes wait'
      : `${number.format(backlog)} writes wait, ${number.format(blocked)} of them blocked, the oldest for ${oldestSeconds} s`,
    deadLetters === 0 ? 'no dead letters' : `${number.format(deadLetters)} dead letters`,
    lanes.length === 0
      ? 'no lanes yet: no node or writer has started on this database'
      : `${lanes.length} lanes, ${lanesWithoutLeader === 0 ? 'all with a leader' : `${lanesWithoutLeader} without a leader`}`,
    ...groupAlike(lanes).map(
      ({ lanes, text }) => `  ${lanes.length > 1 ? `${lanes[0]}–${lanes.at(-1)}` : `${lanes[0]}`}: ${text}`,
    ),
  ];
}

function groupAlike(lanes: readonly LaneStatus[]): { lanes: number[]; text: string }[] {
  const groups: { lanes: number[]; text: string }[] = [];
  for (const lane of lanes) {
    const text = laneText(lane);
    const last = groups.at(-1);
    if (last?.text === text) last.lanes.push(lane.lane);
    else groups.push({ lanes: [lane.lane], text });
  }
  return groups;
}

function laneText({ isLed, leader, term, ready, blocked, oldestSeconds }: LaneStatus): string {
  const who = isLed ? `led by ${leader ?? 'an unknown writer'}, term ${term}` : 'no leader';
  if (ready + blocked === 0) return who;
  return `${who}, ${ready} ready, ${blocked} blocked, the oldest for ${oldestSeconds} s`;
}
