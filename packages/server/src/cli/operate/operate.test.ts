import { SluiceError } from 'sluice/internal/protocol';
import { describe, expect, test } from 'vitest';
import { readSettings } from '../config/setting.ts';
import { confirm } from './confirm.ts';
import { sessionLines } from './session-lines.ts';
import { filterOf, filterSettings, olderThan, targetOf } from './filters.ts';
import { showLines, stuckLines } from './stuck-lines.ts';
import { ageText, tableLines } from './text.ts';

const settings = { olderThan, ...filterSettings };
const filter = (flags: Record<string, string>) => {
  const values = readSettings(settings, flags, {});
  return filterOf(values, values.olderThan);
};

describe('filters', () => {
  test('filters take durations, and reasons in either spelling', () => {
    expect(filter({ olderThan: '5m', reason: 'dead-letter' })).toEqual({
      olderThanSeconds: 300,
      reason: 'dead_letter',
    });
    expect(filter({ olderThan: '500ms' })).toEqual({ olderThanSeconds: 0.5 });
    expect(filter({ olderThan: '45' })).toEqual({ olderThanSeconds: 45 });
    expect(filter({})).toEqual({});
  });

  test('filters name the one that is wrong', () => {
    expect(() => filter({ olderThan: 'soon' })).toThrow('--older-than is not a duration');
    expect(() => filter({ error: 'deadlock' })).toThrow('--error is not a SQLSTATE');
    expect(() => filter({ reason: 'bored' })).toThrow('--reason is not one of ready');
  });
});

describe('a target', () => {
  test('the writes of an operator’s command are ids, or all that match a filter', () => {
    expect(targetOf(['a'], false, {})).toEqual({ writeIds: ['a'] });
    expect(targetOf([], true, { lane: 1 })).toEqual({ matching: { lane: 1 } });
  });

  test.for([
    { what: 'nothing', ids: [], isAll: false, filter: {} },
    { what: 'everything', ids: [], isAll: true, filter: {} },
    { what: 'a filter alone', ids: [], isAll: false, filter: { lane: 1 } },
    { what: 'ids and a filter', ids: ['a'], isAll: false, filter: { lane: 1 } },
    { what: 'ids and all that match', ids: ['a'], isAll: true, filter: { lane: 1 } },
  ])('an operator’s command refuses $what', ({ ids, isAll, filter: conditions }) => {
    expect(() => targetOf(ids, isAll, conditions)).toThrow(SluiceError);
  });
});

test('a command without a terminal needs --yes', async () => {
  await expect(confirm('Really?', {}, {})).rejects.toThrow('Add --yes');
  expect(await confirm('Really?', { yes: true }, {})).toBe(true);
});

test('ages are shown in the unit that fits', () => {
  expect([0, 59.6, 150, 7200, 200_000].map(ageText)).toEqual(['0 s', '60 s', '3 min', '2 h', '2 d']);
});

test('columns of a table are as wide as their longest value, and lines end with their text', () => {
  expect(
    tableLines(
      ['A', 'LONG', 'END'],
      [
        ['aaa', 'b', 'c'],
        ['a', 'b', ''],
      ],
    ),
  ).toEqual(['A    LONG  END', 'aaa  b     c', 'a    b']);
});

test('the lines of sessions show how many of them lead and why, and the lanes of each', () => {
  const writer = { writerId: 'a', host: 'one', processId: 7 };
  const standby = { pid: 12, writer, lanes: 0, wantedSessions: 1, load: 'quiet', busyPercent: 0 } as const;
  const leader = { pid: 11, writer, lanes: 16, wantedSessions: 1, load: 'quiet', busyPercent: 10 } as const;
  expect(sessionLines([leader, standby, standby])).toEqual([
    '1 of 3 sessions leads: keeps up (10 % busy)',
    'WRITER  SESSION  LANES  BUSY  WHY',
    'one/7   11       16     10 %  keeps up',
  ]);
  const full = { ...leader, lanes: 8, wantedSessions: 3, load: 'full', busyPercent: 95 } as const;
  const early = { ...standby, lanes: 8, wantedSessions: null, load: null, busyPercent: null };
  expect(sessionLines([early, full])).toEqual([
    '2 of 2 sessions lead: batches are full: asks for one more (95 % busy)',
    'WRITER  SESSION  LANES  BUSY  WHY',
    'one/7   12       8      ?     earlier version: takes an even share',
    'one/7   11       8      95 %  batches are full: asks for one more',
  ]);
  expect(sessionLines([standby])[0]).toBe('0 of 1 session lead: keeps up (0 % busy)');
  expect(sessionLines([])).toEqual(['no session leads lanes: no writer runs']);
});

test('an empty list of stuck writes names the time a write may wait, unless filters are given', () => {
  const none = { writes: [], next: null };
  expect(stuckLines(none, 30)).toEqual([
    'No write has waited for 30 seconds, and there are no dead letters. --older-than 0s shows all waiting writes',
  ]);
  expect(stuckLines(none, null)).toEqual(['No write and no dead letter matches']);
});

test('the advice on a stuck write names its lane, or the processes that hold its lock', () => {
  const stuck = {
    writeId: 'w',
    lane: 3,
    operation: 'upsert' as const,
    resource: 'r',
    client: '',
    documentId: 'd',
    acceptedAt: '',
    ageSeconds: 40,
    since: '',
    referenceDeadline: null,
    awaitsCount: 0,
    awaits: [],
    leadership: null,
    error: null,
    attempts: null,
    nextAt: null,
  };
  const adviceOn = (reason: 'locked' | 'lane_paused', pids: number[]): string | undefined => {
    const heldBy = pids.map((pid) => ({ pid, application: 'psql', since: null }));
    const shown = { writeId: 'w', row: null, chain: [], lane: null, outcome: null };
    return showLines({ ...shown, stuck: { ...stuck, reason, heldBy } }).at(-1);
  };
  expect(adviceOn('locked', [7, 8])).toContain(
    'select pg_terminate_backend(7); select pg_terminate_backend(8); or: sluice discard w',
  );
  expect(adviceOn('lane_paused', [])).toBe('To continue: sluice resume 3');
});
