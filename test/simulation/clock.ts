// Virtual time, and who runs in it. Every wait of the product, of the simulated server and of the network is an event in
// one queue; a seed decides how long each takes, and so what meets what. A process can be frozen or killed: its timers and
// the answers that it has not received wait, or are lost.

import { AsyncLocalStorage } from 'node:async_hooks';
import nodeCrypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import { setImmediate as realSetImmediate } from 'node:timers';
import timersPromises from 'node:timers/promises';
import { Rng } from '../chaos/rng.ts';

export class SimulatedProcess {
  readonly name: string;
  isDead = false;
  isFrozen = false;
  /** What would have happened to it while it was frozen. */
  readonly deferred: Event[] = [];

  constructor(name: string) {
    this.name = name;
  }
}

interface Event {
  at: number;
  order: number;
  process: SimulatedProcess | null;
  run: () => void;
  isCancelled: boolean;
}

const current = new AsyncLocalStorage<SimulatedProcess>();
/** No two seeds share a time, so that ids made of times are those of a seed run alone. */
const epochMs = Date.UTC(2030, 0, 1);
const seedMs = 600_000;

export class Clock {
  /** Milliseconds since the seed began. */
  now = 0;
  rng = new Rng(0);
  events = 0;
  #epoch = epochMs;
  #order = 0;
  #ids = 0;
  #heap: Event[] = [];

  begin(seed: number): void {
    this.now = 0;
    this.events = 0;
    this.rng = new Rng(Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995);
    this.#epoch = epochMs + seed * seedMs;
    this.#order = 0;
    this.#ids = 0;
    this.#heap = [];
  }

  get epochMs(): number {
    return this.#epoch + this.now;
  }

  /** A UUID that sorts by its time. */
  id(): string {
    const time = Math.floor(this.epochMs).toString(16).padStart(12, '0');
    const count = (++this.#ids).toString(16).padStart(12, '0');
    const random = Math.floor(this.rng.next() * 4096)
      .toString(16)
      .padStart(3, '0');
    return `${time.slice(0, 8)}-${time.slice(8)}-7${random}-8000-${count}`;
  }

  /** Runs in a process, or in nobody's: then it is the server's or the network's. */
  after(delayMs: number, run: () => void, process: SimulatedProcess | null = null): Event {
    const event: Event = {
      at: this.now + Math.max(0, delayMs),
      order: this.#order++,
      process,
      run,
      isCancelled: false,
    };
    this.#push(event);
    return event;
  }

  /** The process in whose name the code runs now. */
  get process(): SimulatedProcess | null {
    return current.getStore() ?? null;
  }

  /** Runs code in the name of a process. */
  as<T>(process: SimulatedProcess, run: () => T): T {
    return current.run(process, run);
  }

  kill(process: SimulatedProcess): void {
    process.isDead = true;
  }

  freeze(process: SimulatedProcess): void {
    process.isFrozen = true;
  }

  thaw(process: SimulatedProcess): void {
    process.isFrozen = false;
    for (const event of process.deferred.splice(0)) {
      event.at = this.now;
      this.#push(event);
    }
  }

  /** Until the condition holds, time is over or nothing is left to happen. */
  async run(isOver: () => boolean, untilMs: number): Promise<void> {
    // Whatever was begun outside of any event comes first.
    await settled();
    while (!isOver()) {
      const event = this.#pop();
      if (event === undefined) return;
      if (event.isCancelled || event.process?.isDead === true) continue;
      if (event.at > untilMs) {
        this.#push(event);
        this.now = untilMs;
        return;
      }
      this.now = Math.max(this.now, event.at);
      const { process } = event;
      if (process?.isFrozen === true) {
        process.deferred.push(event);
        continue;
      }
      this.events += 1;
      if (process === null) event.run();
      else {
        current.run(process, event.run);
        await settled();
      }
    }
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (isBefore(heap[parent]!, event)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || first === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (isBefore(last, heap[child]!)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(one: Event, other: Event): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}

/** Until all promises that can go on have gone on. */
const settled = (): Promise<void> => new Promise((resolve) => realSetImmediate(resolve));

export const clock = new Clock();

/** Replaces Node's time and random numbers by virtual time and those of the seed, for the rest of this process. */
export function takeOverTime(): void {
  const set = (run: () => void, delayMs = 0): object =>
    timer(clock.after(delayMs, run, clock.process), delayMs);
  const clear = (timer: { event?: Event } | null | undefined): void => {
    if (timer?.event !== undefined) timer.event.isCancelled = true;
  };
  Object.assign(globalThis, {
    setTimeout: (run: (...args: unknown[]) => void, delayMs?: number, ...args: unknown[]) =>
      set(() => run(...args), delayMs),
    setImmediate: (run: (...args: unknown[]) => void, ...args: unknown[]) => set(() => run(...args)),
    setInterval(run: () => void, intervalMs: number) {
      const handle = timer(clock.after(intervalMs, again, clock.process), intervalMs);
      function again(): void {
        handle.event = clock.after(intervalMs, again, clock.process);
        run();
      }
      return handle;
    },
    clearTimeout: clear,
    clearInterval: clear,
    clearImmediate: clear,
  });
  performance.now = () => clock.now;
  Date.now = () => Math.floor(clock.epochMs);
  const pause = (delayMs = 0, value?: unknown, { signal }: { signal?: AbortSignal } = {}): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const event = clock.after(delayMs, () => resolve(value), clock.process);
      signal?.addEventListener('abort', () => {
        event.isCancelled = true;
        reject(signal.reason as Error);
      });
    });
  timersPromises.setTimeout = pause as typeof timersPromises.setTimeout;
  nodeCrypto.randomInt = ((from: number, to?: number) =>
    to === undefined
      ? clock.rng.int(0, from - 1)
      : clock.rng.int(from, to - 1)) as typeof nodeCrypto.randomInt;
  syncBuiltinESMExports();
}

interface Timer {
  event: Event;
  ref: () => void;
  unref: () => void;
  refresh: () => void;
}

function timer(event: Event, delayMs: number): Timer {
  const made: Timer = {
    event,
    ref: () => undefined,
    unref: () => undefined,
    refresh() {
      const { run, process } = made.event;
      made.event.isCancelled = true;
      made.event = clock.after(delayMs, run, process);
    },
  };
  return made;
}
