/** Sessions that share the lanes, for people: how many lead and why, and the lanes of each. */
import type { SessionStatus } from 'sluice/operator';
import type { Load } from 'sluice/internal/protocol';
import { counted, tableLines } from './text.ts';

const reasons: Readonly<Record<Load, string>> = {
  quiet: 'keeps up',
  busy: 'keeps up with the load',
  full: 'batches are full: asks for one more',
  slow: 'batches take long: asks for one more',
  even: 'spreads the lanes evenly (--spread even)',
};

/** The reason of the session with the greatest demand, then a line for each leading session. */
export function sessionLines(sessions: readonly SessionStatus[]): string[] {
  if (sessions.length === 0) return ['no session leads lanes: no writer runs'];
  const leading = sessions.filter(({ lanes }) => lanes > 0);
  const [first] = sessions.toSorted((a, b) => (b.wantedSessions ?? 0) - (a.wantedSessions ?? 0));
  const verb = leading.length === 1 ? 'leads' : 'lead';
  const sentence = `${leading.length} of ${counted(sessions.length, 'session')} ${verb}`;
  const rows = leading.map((session) => [
    session.writer === null ? '-' : `${session.writer.host}/${session.writer.processId}`,
    session.pid === null ? '-' : String(session.pid),
    String(session.lanes),
    busyText(session),
    reasonOf(session),
  ]);
  return [
    `${sentence}: ${reasonOf(first!)} (${busyText(busiest(leading) ?? first!)} busy)`,
    ...(rows.length === 0 ? [] : tableLines(['WRITER', 'SESSION', 'LANES', 'BUSY', 'WHY'], rows)),
  ];
}

function busiest(sessions: readonly SessionStatus[]): SessionStatus | undefined {
  return sessions.toSorted((a, b) => (b.busyPercent ?? 0) - (a.busyPercent ?? 0))[0];
}

function busyText({ busyPercent }: SessionStatus): string {
  return busyPercent === null ? '?' : `${busyPercent} %`;
}

function reasonOf({ load }: SessionStatus): string {
  return load === null ? 'earlier version: takes an even share' : reasons[load];
}
