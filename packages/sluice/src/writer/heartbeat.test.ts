import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Found, Elector } from './elector.ts';
import { Heartbeat } from './heartbeat.ts';
import { ReadyFront } from './ready-front.ts';
import { Wakeups } from './wakeups.ts';

interface Setup {
  heartbeat: Heartbeat;
  wakeups: Wakeups;
  front: ReadyFront;
  terms: Map<number, number>;
  /** What the next heartbeat finds, and the lanes that it takes or gives back. */
  found: Partial<Found>;
  lanes: readonly number[];
  /** For each heartbeat, whether it was part of a catch-up scan. */
  scans: boolean[];
  told: string[];
}

function setup(pollIntervalMs?: number): Setup {
  const terms = new Map<number, number>();
  const front = new ReadyFront({ lanes: 16, batchWritesMax: 512 });
  const wakeups = new Wakeups();
  const made: Setup = { wakeups, front, terms, found: {}, lanes: [], scans: [], told: [], heartbeat: null! };
  const elector = {
    terms,
    heartbeat(_behind: unknown, isScan: boolean): Promise<Found> {
      made.scans.push(isScan);
      terms.clear();
      for (const lane of made.lanes) terms.set(lane, 1);
      const nothing = { hasReady: false, hasOverdue: false, hasBlocked: false, hasBlockedElsewhere: false };
      return Promise.resolve({
        ...nothing,
        hasResumed: false,
        isDraining: false,
        sessionPids: [],
        ...made.found,
      });
    },
  } as unknown as Elector;
  made.heartbeat = new Heartbeat({
    elector,
    front,
    wakeups,
    pid: 20,
    pollIntervalMs: pollIntervalMs ?? 60_000,
    isDeaf: () => false,
    onLanes: (lanes, taken) => void made.told.push(`leads ${lanes.join(' ')}, ${taken} new`),
    onDrain: () => void made.told.push('drains'),
    onNeighbour: (pid) => void made.told.push(`watches ${pid ?? 'nobody'}`),
  });
  wakeups.nextHeartbeatIn(0);
  return made;
}

describe('the heartbeat', () => {
  test('the heartbeat comes when it is due, or when a hint says that lanes may be free', async () => {
    const { heartbeat, wakeups, scans } = setup();
    expect(await heartbeat.runIfDue()).not.toBeNull();
    expect(await heartbeat.runIfDue()).toBeNull();
    wakeups.heartbeats.hint();
    expect(await heartbeat.runIfDue()).not.toBeNull();
    expect(scans).toHaveLength(2);
  });

  test('the heartbeat comes each half second, even if the poll interval is longer', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const { heartbeat, wakeups } = setup();
    wakeups.nextHeartbeatIn(0);
    expect(await heartbeat.runIfDue()).not.toBeNull();
    vi.advanceTimersByTime(499);
    expect(await heartbeat.runIfDue()).toBeNull();
    vi.advanceTimersByTime(1);
    expect(await heartbeat.runIfDue()).not.toBeNull();
  });

  test('a standby that watches a neighbour has a heartbeat at every second poll interval', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const made = setup(200);
    const restMs = async (): Promise<number> => {
      made.wakeups.nextHeartbeatIn(0);
      expect(await made.heartbeat.runIfDue()).not.toBeNull();
      for (let waited = 0; ; waited += 100, vi.advanceTimersByTime(100))
        if (made.wakeups.takeHeartbeat()) return waited;
    };
    expect(await restMs()).toBe(200);
    made.found = { sessionPids: [20, 30] };
    expect(await restMs()).toBe(400);
    made.lanes = [1];
    expect(await restMs()).toBe(200);
  });

  test('the heartbeat reports the lanes that are led only when they have changed', async () => {
    const made = setup();
    const heartbeatWith = async (lanes: number[]): Promise<boolean | undefined> => {
      made.lanes = lanes;
      made.wakeups.nextHeartbeatIn(0);
      return (await made.heartbeat.runIfDue())?.hasTaken;
    };
    expect(await heartbeatWith([1, 2])).toBe(true);
    expect(await heartbeatWith([1, 2])).toBe(false);
    expect(await heartbeatWith([1])).toBe(false);
    expect(made.told.filter((line) => line.startsWith('leads'))).toEqual([
      'leads 1 2, 2 new',
      'leads 1, 0 new',
    ]);
  });

  test('a heartbeat that takes lanes makes the round a catch-up scan', async () => {
    const made = setup();
    made.lanes = [1];
    await made.heartbeat.runIfDue();
    expect(made.scans).toEqual([false]);
    expect(made.front.isScanning).toBe(true);
  });

  test('the heartbeat watches the next of the sessions in a ring', async () => {
    const made = setup();
    for (const sessionPids of [[], [20], [10, 20, 30], [10, 20]]) {
      made.found = { sessionPids };
      made.wakeups.nextHeartbeatIn(0);
      await made.heartbeat.runIfDue();
    }
    expect(made.told).toEqual(['watches nobody', 'watches nobody', 'watches 30', 'watches 10']);
  });

  test('the heartbeat reports that an operator drains the writer', async () => {
    const made = setup();
    made.found = { isDraining: true };
    await made.heartbeat.runIfDue();
    expect(made.told).toContain('drains');
  });
});
