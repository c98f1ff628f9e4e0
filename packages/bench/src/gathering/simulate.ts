/** Simulates a process that batches writes as they arrive, with the controller of `protocol/gathering` and without it. */
import { Gathering } from 'sluice/internal/protocol';
import { percentile } from '../statistics.ts';

/** What a batch takes: about what a writer's batch takes on two cores. */
export const batchMs = (writes: number): number => 3 + 0.08 * writes;

export interface Simulated {
  batches: { at: number; writes: number }[];
  /** Each write, in order of its batch. Latency: milliseconds from its arrival to the end of the batch. */
  settled: { arrivedAt: number; latencyMs: number }[];
  perSecond: number;
  writesPerBatch: number;
  p50Ms: number;
  p99Ms: number;
  /** Time in batches per write. */
  workMs: number;
  gain: number;
}

export interface SimulateOptions {
  gathers: boolean;
  /** Milliseconds at which writes arrive, in order. */
  arrivals?: readonly number[];
  clients?: Clients;
}

/** So many clients send again after each answer, until the end. */
export interface Clients {
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
  readonly settled: Simulated['settled'] = [];
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
      this.settled.push({ arrivedAt: at, latencyMs: this.now - at });
      if (client < 0 || this.now > untilMs) continue;
      lastAt += workMs;
      added.push({ at: lastAt + restMs(client), client });
    }
    if (added.length === 0) return;
    this.#coming = [...this.#coming.slice(this.#next), ...added].sort((one, other) => one.at - other.at);
    this.#next = 0;
  }
}

export function simulate(options: SimulateOptions): Simulated {
  const world = new Simulation(options);
  const { gathering, waiting, settled } = world;
  const batches: Simulated['batches'] = [];
  let workMs = 0;
  while (waiting.length > 0 || Number.isFinite(world.nextAt)) {
    if (waiting.length === 0) world.passUntil(Math.max(world.now, world.nextAt));
    for (let waitMs = gathering.waitMs; waitMs > 0; waitMs = gathering.waitMs)
      world.passUntil(world.now + waitMs);
    gathering.begin();
    const batch = waiting.splice(0);
    batches.push({ at: world.now, writes: batch.length });
    world.run(batch);
    gathering.end(batch.length);
    workMs += batchMs(batch.length);
  }
  const latencies = Float64Array.from(settled, ({ latencyMs }) => latencyMs).sort();
  return {
    batches,
    settled,
    perSecond: (1000 * settled.length) / world.now,
    writesPerBatch: settled.length / batches.length,
    p50Ms: percentile(latencies, 50) ?? 0,
    p99Ms: percentile(latencies, 99) ?? 0,
    workMs: workMs / settled.length,
    gain: gathering.state.gain,
  };
}

export function bothWays(options: Omit<SimulateOptions, 'gathers'>): {
  gathering: Simulated;
  atOnce: Simulated;
} {
  return {
    gathering: simulate({ ...options, gathers: true }),
    atOnce: simulate({ ...options, gathers: false }),
  };
}
