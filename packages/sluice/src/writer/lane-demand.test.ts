import { expect, test } from 'vitest';
import { LaneDemand, type Demand, type LaneDemandOptions } from './lane-demand.ts';

/** Leaders that settle writes which arrive as given, in each batch all that wait; their heartbeat is four times a second. */
class Deployment {
  now = 0;
  leaders = 1;
  readonly #sessions: { demand: LaneDemand; waiting: number; freeAt: number }[];
  readonly #options: { perBatchMs: number; perWriteMs: number };
  /** When the number of leaders changed, and to what. */
  readonly changes: { at: number; leaders: number }[] = [];
  /** Of the first. */
  demand: Demand = { sessions: 1, load: 'quiet', busyPercent: 0 };

  constructor(sessions: number, options: { perBatchMs: number; perWriteMs: number }) {
    this.#options = options;
    const own: LaneDemandOptions = { lanes: 16, batchWritesMax: 512, spread: 'load', now: () => this.now };
    this.#sessions = Array.from({ length: sessions }, () => ({
      demand: new LaneDemand(own),
      waiting: 0,
      freeAt: 0,
    }));
  }

  /** @param perSecond Writes that arrive, for all leaders together. */
  run(milliseconds: number, perSecond: (now: number) => number): void {
    const end = this.now + milliseconds;
    for (; this.now < end; this.now += 5) {
      for (const leader of this.#sessions.slice(0, this.leaders)) {
        leader.waiting += (perSecond(this.now) * 0.005) / this.leaders;
        const writes = Math.min(512, Math.floor(leader.waiting));
        if (writes === 0 || leader.freeAt > this.now) continue;
        const tookMs = this.#options.perBatchMs + writes * this.#options.perWriteMs;
        leader.waiting -= writes;
        leader.freeAt = this.now + tookMs;
        leader.demand.noteBatch(writes, tookMs);
      }
      if (this.now % 250 === 0) this.#lookAround();
    }
  }

  #lookAround(): void {
    const shown = this.#sessions.map(({ demand }, rank) =>
      rank < this.leaders ? demand.at(this.leaders, Math.ceil(16 / this.leaders)) : demand.at(0, 0),
    );
    this.demand = shown[0] ?? this.demand;
    const wanted = Math.max(...shown.map(({ sessions }) => sessions));
    const leaders = Math.min(wanted, this.#sessions.length);
    if (leaders === this.leaders) return;
    this.leaders = leaders;
    this.changes.push({ at: this.now, leaders });
    const all = this.#sessions.reduce((sum, { waiting }) => sum + waiting, 0);
    for (const [rank, session] of this.#sessions.entries())
      session.waiting = rank < leaders ? all / leaders : 0;
  }
}

/** How many led, one after another. */
const steps = (changes: Deployment['changes']): number[] => changes.map(({ leaders }) => leaders);

const usual = { perBatchMs: 6, perWriteMs: 0.3 };

test('one session leads under a steady load that it keeps up with, however busy it is', () => {
  const deployment = new Deployment(8, usual);
  deployment.run(60_000, () => 2500);
  expect(deployment.changes).toEqual([]);
  expect(deployment.demand).toMatchObject({ sessions: 1, load: 'quiet' });
  expect(deployment.demand.busyPercent).toBeGreaterThanOrEqual(90);
});

test('leaders are added while batches are full, and stay while fewer could not settle the load', () => {
  const deployment = new Deployment(8, usual);
  // One session settles 3,200 writes a second at most.
  deployment.run(60_000, () => 5000);
  expect(steps(deployment.changes)).toEqual([2, 3]);
  expect(deployment.changes[1]?.at).toBeLessThanOrEqual(7000);
  expect(deployment.demand.load).toBe('busy');
});

test('leaders are spread for slow batches, long before these are full', () => {
  const deployment = new Deployment(8, { perBatchMs: 20, perWriteMs: 10 });
  deployment.run(20_000, () => 110);
  expect(deployment.leaders).toBeGreaterThan(1);
});

test('after a load one leader stays, and each of the others leaves after ten seconds for good', () => {
  const deployment = new Deployment(4, usual);
  deployment.run(30_000, (now) => (now < 15_000 ? 20_000 : 200));
  expect(steps(deployment.changes).slice(0, 3)).toEqual([2, 3, 4]);
  const after = deployment.changes.length;
  deployment.run(90_000, () => 200);
  expect(steps(deployment.changes.slice(after))).toEqual([3, 2, 1]);
  const [three, two, one] = deployment.changes.slice(after).map(({ at }) => at) as [number, number, number];
  expect(two - three).toBeGreaterThanOrEqual(10_000);
  expect(one - two).toBeLessThanOrEqual(12_000);
});

test('bursts of one second in five do not move lanes to and fro', () => {
  const deployment = new Deployment(4, usual);
  deployment.run(120_000, (now) => (now % 5000 < 1000 ? 9000 : 0));
  expect(deployment.changes.length).toBeLessThanOrEqual(3);
  const settled = deployment.changes.length;
  deployment.run(120_000, (now) => (now % 5000 < 1000 ? 9000 : 0));
  expect(deployment.changes.slice(settled)).toEqual([]);
});

test('a load that rises and falls again gets as many leaders as it needs, one after another', () => {
  const deployment = new Deployment(8, usual);
  deployment.run(120_000, (now) => Math.min(now, 120_000 - now) / 5);
  expect(steps(deployment.changes)).toEqual([2, 3, 4, 3, 2, 1]);
});

test('a machine on which even small batches take long gets no more leaders for that', () => {
  const deployment = new Deployment(8, { perBatchMs: 600, perWriteMs: 1 });
  deployment.run(60_000, () => 250);
  expect(deployment.changes).toEqual([]);
});

test('a leader of one lane asks for no help, because no session could give it', () => {
  let now = 0;
  const demand = new LaneDemand({ lanes: 16, batchWritesMax: 10, spread: 'load', now: () => now });
  demand.at(2, 1);
  demand.noteBatch(10, 2000);
  now = 2000;
  expect(demand.at(2, 1)).toEqual({ sessions: 2, load: 'busy', busyPercent: 100 });
});

test('a standby session wants one leader, and all sessions to lead with an even spread', () => {
  const options = { lanes: 16, batchWritesMax: 10, now: () => 0 };
  expect(new LaneDemand({ ...options, spread: 'load' }).at(0, 0).sessions).toBe(1);
  expect(new LaneDemand({ ...options, spread: 'even' }).at(0, 0).sessions).toBe(16);
});
