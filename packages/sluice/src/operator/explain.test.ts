import { describe, expect, test } from 'vitest';
import type { Awaited, LaneStatus, StuckWrite } from './contract.ts';
import { explainAwaited, explainLane, explainWrite } from './explain.ts';
import { lanesText } from './read-status.ts';

const write: StuckWrite = {
  writeId: 'w1',
  reason: 'ready',
  lane: 3,
  operation: 'upsert',
  resource: 'ed-fi/sections',
  client: 'loader',
  documentId: 'w1',
  acceptedAt: '2026-01-01T00:00:00.000Z',
  ageSeconds: 12,
  since: '2026-01-01T00:00:00.000Z',
  referenceDeadline: null,
  awaitsCount: 0,
  awaits: [],
  leadership: null,
  heldBy: [],
  error: null,
  attempts: null,
  nextAt: null,
};

const awaited: Awaited = {
  awaitedId: 'r1',
  kind: 'reference',
  standing: 'never_seen',
  since: '2026-01-01T00:00:00.000Z',
  failure: null,
  provider: null,
  resource: null,
  identity: null,
  path: null,
};

const lane: LaneStatus = {
  lane: 3,
  reason: 'ready',
  isLed: true,
  term: 7,
  writer: { writerId: 'x', host: 'one', processId: 42 },
  ledSince: '2026-01-01T00:00:00.000Z',
  leaderlessSince: null,
  pausedAt: null,
  pausedBy: null,
  retry: null,
  lockedBy: null,
  quarantinedSince: null,
  ready: 0,
  blocked: 0,
  oldestAcceptedAt: null,
};

describe('a sentence about a write', () => {
  test('the sentence about a write ends "It …" with its reason', () => {
    expect(explainWrite(write)).toBe('waits its turn');
    expect(explainWrite({ ...write, reason: 'lane_paused' })).toBe('waits in a paused lane');
    const leadership = { ...lane, pausedAt: '2026-01-02T00:00:00.000Z', pausedBy: 'ann' };
    expect(explainWrite({ ...write, reason: 'lane_paused', leadership })).toBe(
      'waits in a paused lane, which is led by one/42 since 2026-01-01T00:00:00.000Z, term 7; ' +
        'paused by ann since 2026-01-02T00:00:00.000Z',
    );
  });

  test('the sentence about a write names the first thing that it awaits, and counts the others', () => {
    const blocked: StuckWrite = { ...write, reason: 'blocked', awaitsCount: 3, awaits: [awaited] };
    expect(explainWrite(blocked)).toBe(
      'waits for a document r1, which has not been submitted, and for 2 more',
    );
  });

  test('the sentence about a write has the error and the attempts, as far as they are known', () => {
    const error = { code: '23505', constraint: 'alias_pkey', table: 'alias' };
    expect(explainWrite({ ...write, reason: 'dead_letter', error, attempts: 3 })).toBe(
      'is a dead letter because it failed alone, repeatedly: error 23505 in alias (alias_pkey), attempt 3',
    );
    expect(
      explainWrite({ ...write, reason: 'dead_letter', error: { code: null, constraint: null, table: null } }),
    ).toContain('an error of the program');
  });
});

describe('a sentence about what is awaited', () => {
  test('the sentence about an awaited thing names it and its place', () => {
    expect(explainAwaited({ ...awaited, resource: 'School', identity: 'schoolId=1' })).toBe(
      'School (schoolId=1), which has not been submitted',
    );
    expect(explainAwaited({ ...awaited, standing: 'refused', failure: 'cancelled' })).toContain(
      '(cancelled)',
    );
  });

  test('the sentence about an earlier write names it, and says why that write waits', () => {
    const provider = { writeId: 'w0', lane: 2, resource: 'ed-fi/sections', reason: 'lane_paused' } as const;
    expect(explainAwaited({ ...awaited, kind: 'predecessor', standing: 'pending', provider })).toBe(
      'the earlier write r1, which is in the intake (write w0, lane 2: lane_paused)',
    );
  });
});

describe('a sentence about a lane', () => {
  test('the sentence about a lane names its leader, or the last one and since when it has none', () => {
    expect(explainLane(lane)).toBe('is led by one/42 since 2026-01-01T00:00:00.000Z, term 7');
    const unled = { ...lane, isLed: false, leaderlessSince: '2026-01-02T00:00:00.000Z' };
    expect(explainLane(unled)).toBe('has no leader since 2026-01-02T00:00:00.000Z; the last was one/42');
    expect(explainLane({ ...unled, writer: null })).toContain('none is known');
  });

  test('the sentence about a lane says that it is paused, and what is tried again', () => {
    const pausedAt = '2026-01-02T00:00:00.000Z';
    expect(explainLane({ ...lane, pausedAt, pausedBy: 'ann' })).toContain(`paused by ann since ${pausedAt}`);
    const retry = { error: '40P01', attempt: 2, since: pausedAt, nextAt: pausedAt };
    expect(explainLane({ ...lane, retry })).toContain('error 40P01, attempt 2');
  });
});

test('lanes are shown as ranges', () => {
  expect(lanesText([3])).toBe('lane 3');
  expect(lanesText([0, 1, 2, 5, 7, 8])).toBe('lanes 0–2, 5, 7–8');
});
