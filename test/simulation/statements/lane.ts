// Who leads which lanes.

import type { Row } from 'sluice/internal/store';
import { clock } from '../clock.ts';
import type { Server } from '../server.ts';
import type { Access, Steps, Values } from '../tables.ts';
import {
  by,
  byPosition,
  type Call,
  isBlocked,
  lanesOf,
  now,
  number,
  numbers,
  read,
  type Statement,
  text,
  unnest,
} from './rows.ts';

const laneLock = 1_936_486_757;

const sessionLock = 1_936_486_758;

const demandLock = 1_936_486_759;

const later = (milliseconds: unknown): string =>
  new Date(clock.epochMs + (milliseconds as number)).toISOString();

/** A time that is over, or none. */
const isPast = (time: unknown): boolean => time === null || Date.parse(time as string) <= clock.epochMs;

function inTerms(lanes: unknown, terms: unknown): (row: Values) => boolean {
  const led = new Map(unnest(['lane', 'term'], [lanes, terms]).map(({ lane, term }) => [lane, term]));
  return (row) => led.has(row['lane']) && led.get(row['lane']) === row['term'];
}

export function ledLanes(access: Access, server: Server): Set<number> {
  const leased = access.select('lane', (row) => !isPast(row['leased_until']));
  return new Set([...server.locksOf(laneLock), ...leased.map((row) => number(row, 'lane'))]);
}

function* openLanes(
  { access, values, session }: Call,
  more: () => Values,
  isFree: (row: Values) => boolean = () => true,
): Steps<Row[]> {
  const lanes = numbers(values[0]);
  const opened = yield* access.update(
    'lane',
    (row) => lanes.has(number(row, 'lane')) && isFree(row),
    (row) => ({
      term: number(row, 'term') + 1,
      writer_id: values[1],
      session_pid: session.pid,
      led_since: now(),
      suspect_since: row['writer_id'] === null ? row['suspect_since'] : (row['suspect_since'] ?? now()),
      ...more(),
    }),
    by('lane'),
    'skip',
  );
  return opened.map((row) => ({
    lane: row['lane'],
    term: row['term'],
    is_quarantined: row['suspect_since'] !== null,
    trials: row['trials'],
    tried: row['tried'],
  }));
}

/** Those that lead come first. */
function lockSharers(server: Server): { id: unknown; wanted: number }[] {
  const alive = new Set(server.locksOf(sessionLock));
  const leading = new Set([...server.heldLocks(laneLock)].map(({ pid }) => pid));
  const order = (pid: number): number => (leading.has(pid) ? 0 : 1);
  return [...server.heldLocks(demandLock)]
    .filter(({ pid }) => alive.has(pid))
    .sort((a, b) => order(a.pid) - order(b.pid) || a.pid - b.pid)
    .map(({ pid, second }) => ({ id: pid, wanted: Math.floor(second / 10_000) }));
}

export const laneStatements = {
  retireSession: read(({ session }) => {
    session.unlock(sessionLock, session.pid);
    return [{ retired: true }];
  }),
  *awaitSessionEnd({ values, server }) {
    const pid = values[0] as number;
    if (server.locksOf(sessionLock).includes(pid)) yield server.untilUnlocked(sessionLock, pid, 900);
    return [{ has_ended: !server.locksOf(sessionLock).includes(pid) }];
  },
  announceSession: read(({ session }) => [{ announced: session.tryLock(sessionLock, session.pid) }]),
  showDemand: read(({ session, values: [key, before] }) => {
    session.lockShared(demandLock, key as number);
    if (before !== null) session.unlock(demandLock, before as number);
    return [{ shown: true, hidden: before === null ? null : true }];
  }),
  tryLanes: read(({ session, values }) =>
    lanesOf(values[0])
      .filter((lane) => session.tryLock(laneLock, lane))
      .map((lane) => ({ lane })),
  ),
  unlockLanes: read(({ session, values }) => {
    for (const lane of lanesOf(values[0])) session.unlock(laneLock, lane);
    return [{}];
  }),
  *lockTerms({ access, values }) {
    const lanes = numbers(values[0]);
    const rows = yield* access.lockAll(
      'lane',
      (row) => lanes.has(number(row, 'lane')),
      'noKeyUpdate',
      by('lane'),
    );
    return rows.map(({ row }) => ({
      lane: row['lane'],
      term: row['term'],
      is_paused: row['paused_at'] !== null,
    }));
  },
  *lockFreeTerms({ access, values }) {
    const lanes = numbers(values[0]);
    const isMeant = (row: Values): boolean => lanes.has(number(row, 'lane'));
    const rows = yield* access.lockAll('lane', isMeant, 'noKeyUpdate', by('lane'), 'skip');
    return rows.map(({ row }) => ({
      lane: row['lane'],
      term: row['term'],
      is_paused: row['paused_at'] !== null,
    }));
  },
  *openTerms(call) {
    return yield* openLanes(call, () => ({}));
  },
  *takeLeases(call) {
    const lease = { leased_until: later(call.values[2]) };
    return yield* openLanes(
      call,
      () => lease,
      (row) => isPast(row['leased_until']),
    );
  },
  *renewLeases({ access, values: [sessionId, writerId, lanes, terms, leaseMs, wanted, load, busy] }) {
    access.transaction.isUnflushed = true;
    const session = {
      session_id: sessionId,
      writer_id: writerId,
      alive_until: later(leaseMs),
      lanes: (lanes as unknown[]).length,
      wanted_sessions: wanted,
      load,
      busy_percent: busy,
    };
    const known = yield* access.update(
      'lease_session',
      (row) => row['session_id'] === sessionId,
      () => session,
    );
    if (known.length === 0)
      yield* access.insert('lease_session', [{ ...session, joined_at: now() }], 'nothing');
    const isMine = inTerms(lanes, terms);
    yield* access.update('lane', isMine, () => ({ leased_until: later(leaseMs) }), by('lane'), 'skip');
    return access.select('lane', isMine).map(({ lane }) => ({ lane }));
  },
  *endLease({ access, values }) {
    yield* access.remove('lease_session', (row) => row['session_id'] === values[0]);
    return [];
  },
  *closeTerms({ access, values }) {
    const left = () => ({
      writer_id: null,
      session_pid: null,
      led_since: null,
      leased_until: null,
      left_at: now(),
    });
    yield* access.update('lane', inTerms(values[0], values[1]), left, by('lane'), 'skip');
    return [];
  },
  readFirst: read(({ access, values }) =>
    access
      .select('intake', (row) => row['lane'] === values[0] && !isBlocked(row))
      .sort(byPosition)
      .slice(0, 1)
      .map(({ write_id }) => ({ write_id })),
  ),
  *noteTry({ access, values: [lanes, terms, trials, tried] }) {
    const noted = yield* access.update(
      'lane',
      inTerms(lanes, terms),
      () => ({ trials, tried }),
      by('lane'),
      'skip',
    );
    return noted.map(({ lane }) => ({ lane }));
  },
  *endQuarantine({ access, values: [lanes, terms] }) {
    access.transaction.isUnflushed = true;
    const cleared = () => ({ suspect_since: null, trials: 0, tried: null });
    const ended = yield* access.update('lane', inTerms(lanes, terms), cleared, by('lane'), 'skip');
    return ended.map(({ lane }) => ({ lane }));
  },
  readTakenLanes: read(({ access, server, values: [isLease] }) => {
    const leased = access.select('lane', (row) => !isPast(row['leased_until']));
    return [{ lanes: isLease === true ? leased.map(({ lane }) => lane) : server.locksOf(laneLock) }];
  }),
  heartbeat: read(({ access, server, session, values }) => {
    const led = numbers(values[0]);
    const isLease = values[2] === true;
    const has = (where: (row: Values) => boolean): boolean => access.exists('intake', where);
    const waited = access
      .select('intake', (row) => led.has(number(row, 'lane')) && !isBlocked(row))
      .map((row) => (row['was_blocked'] === true ? 0 : clock.epochMs - Date.parse(text(row, 'accepted_at'))));
    const sharers = isLease
      ? access
          .select('lease_session', (row) => !isPast(row['alive_until']))
          .sort(by('session_id'))
          .sort(by('joined_at'))
          .map((row) => ({ id: row['session_id'], wanted: number(row, 'wanted_sessions') }))
      : lockSharers(server);
    const rank = sharers.findIndex(({ id }) => id === (isLease ? values[4] : session.pid));
    return [
      {
        sessions: sharers.length,
        wanted_sessions: sharers.length === 0 ? null : Math.max(...sharers.map(({ wanted }) => wanted)),
        rank: rank < 0 ? null : rank,
        session_pids: isLease ? null : server.locksOf(sessionLock).sort((a, b) => a - b),
        paused_lanes: [],
        is_draining: false,
        ready_seconds: waited.length === 0 ? null : Math.max(...waited) / 1000,
        has_blocked: has((row) => led.has(number(row, 'lane')) && isBlocked(row)),
        has_blocked_elsewhere: has((row) => !led.has(number(row, 'lane')) && isBlocked(row)),
      },
    ];
  }),
} satisfies Record<string, Statement>;
