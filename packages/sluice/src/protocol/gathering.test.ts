/** Simulates a process that batches writes as they arrive, with the controller and without it, on seeded arrivals. */
import { describe, expect, test } from 'vitest';
import { Gathering } from './gathering.ts';

/** What a batch takes: about what a writer's batch takes on two cores. */
const batchMs = (writes: number): number => 3 + 0.08 * writes;

interface Run {
  batches: number;
  perSecond: number;
  writesPerBatch: number;
  /** Milliseconds from arrival to the end of the batch. */
  p50Ms: number;
  p99Ms: number;
  /** Time in batches per write. */
  workMs: number;
  gain: number;
}

interface SimulateOptions {
  gathers: boolean;
  /** Milliseconds at which writes arrive, in order. */
  arrivals?: readonly number[];
  clients?: Clients;
}

/** So many clients send again after each answer, until the end. */
interface Clients {
  count: number;
  untilMs: number;
  /** How long each rests before it sends again, by itself. @default 0 */
  restMs?: (client: number) => number;
  /**
   * Work for each of them, one after another. It shares the processor with the batch: a machine that is too busy.
   * @default 0
   */
  workMs?: number;
}

interface Arrival {
  at: number;
  client: number;
}

class Simulation {
  now = 0;
  readonly gathering: Gathering;
  readonly waiting: Arrival[] = [];
  readonly latencies: number[] = [];
  readonly #clients: Clients | undefined;
  /** In order of time. */
  #coming: Arrival[];
  #next = 0;

  constructor({ gathers, arrivals = [], clients }: SimulateOptions) {
    const worthWrites = gathers ? 4 : Number.POSITIVE_INFINITY;
    this.gathering = new Gathering({
      worthWrites,
      enoughWrites: 128,
      intervalMsMax: 50,
      now: () => this.now,
    });
    this.#clients = clients;
    this.#coming = arrivals.map((at) => ({ at, client: -1 }));
    for (let client = 0; client < (clients?.count ?? 0); client++)
      this.#coming.push({ at: client / 100, client });
  }

  get nextAt(): number {
    return this.#coming[this.#next]?.at ?? Number.POSITIVE_INFINITY;
  }

  passUntil(until: number): void {
    const from = this.#next;
    while (this.nextAt <= until) this.#next++;
    this.waiting.push(...this.#coming.slice(from, this.#next));
    this.now = until;
  }

  run(batch: readonly Arrival[]): void {
    const { untilMs = 0, restMs = () => 0, workMs = 0 } = this.#clients ?? {};
    let tookMs = batchMs(batch.length);
    if (workMs > 0 && this.#next < this.#coming.length) {
      // Both get half of the processor.
      this.#coming = this.#coming.slice(this.#next).map(({ at, client }) => ({ at: at + tookMs, client }));
      this.#next = 0;
      tookMs *= 2;
    }
    this.passUntil(this.now + tookMs);
    const added: Arrival[] = [];
    let lastAt = Math.max(this.now, workMs > 0 ? (this.#coming.at(-1)?.at ?? 0) : 0);
    for (const { at, client } of batch) {
      this.latencies.push(this.now - at);
      if (client < 0 || this.now > untilMs) continue;
      lastAt += workMs;
      added.push({ at: lastAt + restMs(client), client });
    }
    if (added.length === 0) return;
    this.#coming = [...this.#coming.slice(this.#next), ...added].sort((one, other) => one.at - other.at);
    this.#next = 0;
  }
}

function simulate(options: SimulateOptions): Run {
  const world = new Simulation(options);
  const { gathering, waiting, latencies } = world;
  let batches = 0;
  let workMs = 0;
  while (waiting.length > 0 || Number.isFinite(world.nextAt)) {
    if (waiting.length === 0) world.passUntil(Math.max(world.now, world.nextAt));
    for (let waitMs = gathering.waitMs; waitMs > 0; waitMs = gathering.waitMs)
      world.passUntil(world.now + waitMs);
    gathering.begin();
    const batch = waiting.splice(0);
    world.run(batch);
    gathering.end(batch.length);
    batches += 1;
    workMs += batchMs(batch.length);
  }
  const perSecond = (1000 * latencies.length) / world.now;
  latencies.sort((one, other) => one - other);
  const percentile = (part: number): number => latencies[Math.floor(part * (latencies.length - 1))] ?? 0;
  return {
    batches,
    perSecond,
    writesPerBatch: latencies.length / batches,
    p50Ms: percentile(0.5),
    p99Ms: percentile(0.99),
    workMs: workMs / latencies.length,
    gain: gathering.state.gain,
  };
}

/** Numbers from 0 to 1, the same at every run. */
function drawOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A Poisson process whose rate may change: writes per second at a moment. */
function poisson(ms: number, rateAt: (ms: number) => number): number[] {
  const draw = drawOf(7);
  const highest = 5000;
  const arrivals: number[] = [];
  for (let at = 0; at < ms; at -= (Math.log(1 - draw()) * 1000) / highest)
    if (draw() < rateAt(at) / highest) arrivals.push(at);
  return arrivals;
}

function bothWays(options: Omit<SimulateOptions, 'gathers'>): { gathering: Run; atOnce: Run } {
  const gathering = simulate({ ...options, gathers: true });
  const atOnce = simulate({ ...options, gathers: false });
  return { gathering, atOnce };
}

describe('gathering', () => {
  test.each([20, 100, 250, 500])('gathering never delays a steady load of %i writes a second', (rate) => {
    const { gathering, atOnce } = bothWays({ arrivals: poisson(20_000, () => rate) });
    expect(gathering).toEqual(atOnce);
  });

  test('gathering never delays a lone client', () => {
    const clients = { count: 1, restMs: () => 1, untilMs: 10_000 };
    const { gathering, atOnce } = bothWays({ clients });
    expect(gathering).toEqual(atOnce);
  });

  test('gathering makes batches of a heavy steady load larger, for less work per write', () => {
    const { gathering, atOnce } = bothWays({ arrivals: poisson(10_000, () => 2500) });
    expect(gathering.writesPerBatch).toBeGreaterThan(2 * atOnce.writesPerBatch);
    expect(gathering.workMs).toBeLessThan(0.65 * atOnce.workMs);
    expect(gathering.p99Ms).toBeLessThan(50 + 2 * batchMs(128));
  });

  test('gathering gives clients of an overloaded machine more throughput', () => {
    const { gathering, atOnce } = bothWays({ clients: { count: 64, workMs: 0.3, untilMs: 20_000 } });
    expect(gathering.writesPerBatch).toBeGreaterThan(1.5 * atOnce.writesPerBatch);
    expect(gathering.perSecond).toBeGreaterThan(1.15 * atOnce.perSecond);
  });

  test.each([32, 64])('gathering costs %i clients little throughput if waiting does not help', (count) => {
    const draw = drawOf(3);
    const clients = { count, restMs: () => 2 + 5 * draw(), untilMs: 20_000 };
    const { gathering, atOnce } = bothWays({ clients });
    expect(gathering.gain).toBeLessThan(-0.05);
    expect(gathering.perSecond).toBeGreaterThan(0.9 * atOnce.perSecond);
    expect(gathering.p50Ms).toBeLessThan(1.1 * atOnce.p50Ms);
  });

  test('gathering adds little to separate bursts', () => {
    const arrivals = Array.from({ length: 50 }, (_, burst) =>
      Array.from({ length: 100 }, (_, write) => burst * 200 + write / 50),
    ).flat();
    const { gathering, atOnce } = bothWays({ arrivals });
    expect(gathering.p99Ms).toBeLessThan(1.5 * atOnce.p99Ms);
  });

  test('gathering is on while a load is on, and off while it is off', () => {
    const isOn = (ms: number): boolean => ms % 2000 < 1000;
    const arrivals = poisson(20_000, (ms) => (isOn(ms) ? 2500 : 50));
    const { gathering, atOnce } = bothWays({ arrivals });
    expect(gathering.workMs).toBeLessThan(0.7 * atOnce.workMs);
    const off = poisson(20_000, (ms) => (isOn(ms) ? 0 : 50));
    expect(simulate({ arrivals: off, gathers: true })).toEqual(simulate({ arrivals: off, gathers: false }));
  });

  test('gathering follows a load that rises and falls', () => {
    const arrivals = poisson(20_000, (ms) => 4000 * (1 - Math.abs(ms / 10_000 - 1)));
    const { gathering, atOnce } = bothWays({ arrivals });
    expect(gathering.workMs).toBeLessThan(0.75 * atOnce.workMs);
    expect(gathering.p99Ms).toBeLessThan(50 + 2 * batchMs(128));
  });
});
