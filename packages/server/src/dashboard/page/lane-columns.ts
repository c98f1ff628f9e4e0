/** What the page tells of a lane: the columns of the table, its state, and by what lanes are sought. */
import { age, none } from './format.ts';
import type { LaneView } from './messages.ts';

const number = <K extends string>(key: K, name: string, value: (lane: LaneView) => number | string) =>
  ({ key, name, value, isNumber: true }) as const;

/** Sorted by their values, the most telling first. */
export const columns = [
  { key: 'lane', name: 'Lane', value: ({ lane }: LaneView) => lane },
  { key: 'condition', name: 'State', value: (lane: LaneView) => states.findIndex((state) => state.is(lane)) },
  { key: 'leader', name: 'Leader', value: leaderOf },
  number('term', 'Term', ({ term }) => -term),
  number('ready', 'Ready', ({ ready }) => -ready),
  number('blocked', 'Blocked', ({ blocked }) => -blocked),
  number('oldest', 'Oldest', ({ oldestAcceptedAt }) => oldestAcceptedAt ?? '~'),
  number('rate', 'Writes/s', ({ activity }) => -(activity?.writesPerSecond ?? 0)),
  number('batch', 'Batch', ({ activity }) => -(activity?.batchWrites ?? 0)),
  number('took', 'Batch time', ({ activity }) => -(activity?.batchMs ?? 0)),
] as const;

export type Column = (typeof columns)[number];

export const states = [
  { name: 'paused', tone: 'warn', is: ({ pausedAt }: LaneView) => pausedAt !== null },
  { name: 'no leader', tone: 'bad', is: ({ isLed }: LaneView) => !isLed },
  { name: 'retrying', tone: 'warn', is: ({ retry }: LaneView) => retry !== null },
  { name: 'led', tone: 'good', is: () => true },
];

export const filters: Record<string, (lane: LaneView) => boolean> = {
  'all lanes': () => true,
  'lanes that need attention': ({ isLed, pausedAt, retry }) => !isLed || pausedAt !== null || retry !== null,
  'lanes in which writes wait': ({ ready, blocked }) => ready + blocked > 0,
  'paused lanes': ({ pausedAt }) => pausedAt !== null,
};

export function classOf(column: Column): string {
  return `${column.key}${'isNumber' in column ? ' number' : ''}`;
}

export function leaderOf({ writer, isLed }: LaneView): string {
  if (writer === null) return none;
  const name = `${writer.host}/${writer.processId}`;
  return isLed ? name : `was ${name}`;
}

export function noteOf(
  { isLed, leaderlessSince, lockedBy, pausedAt, pausedBy, retry }: LaneView,
  now: number,
): string {
  const since = leaderlessSince === null ? '' : ` for ${age((now - Date.parse(leaderlessSince)) / 1_000)}`;
  if (pausedAt !== null) return `by ${pausedBy}${isLed ? '' : `, no leader${since}`}`;
  if (lockedBy !== null) {
    const { pid, application, role } = lockedBy;
    const who =
      pid === null ? 'a prepared transaction' : `process ${pid} (${application || 'no name'}, ${role})`;
    const lockedFor =
      lockedBy.since === null ? '' : `, ${age((now - Date.parse(lockedBy.since)) / 1_000)} old`;
    return `lock held by ${who}${lockedFor}`;
  }
  if (!isLed) return since.trim();
  if (retry !== null) return `attempt ${retry.attempt}, error ${retry.error ?? '?'}`;
  return '';
}
