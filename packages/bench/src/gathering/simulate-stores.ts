/** Simulates data stores of one process, each with batches and clients of its own, on one processor. */
import { Gathering, GatheringTrial } from 'sluice/internal/protocol';
import { seededDraw } from '../workload/bench-model.ts';
import { batchMs } from './simulate.ts';

export interface SimulateStoresOptions {
  stores: number;
  /** Of each store; each sends again some milliseconds after its answer. */
  clients: number;
  untilMs: number;
  /** `shared`: one trial for all stores; `own`: one for each. `none`: no store waits. */
  trial: 'shared' | 'own' | 'none';
  /** Several processors: batches of different stores do not delay each other. @default false */
  isWide?: boolean;
  /** No client sends meanwhile. @default never */
  pause?: { fromMs: number; untilMs: number };
}

interface Store {
  gathering: Gathering;
  waiting: number;
  isBusy: boolean;
}

export interface SimulatedStores {
  perSecond: number;
  writesPerBatch: number;
  gains: number[];
}

/** In steps of one millisecond. */
export function simulateStores(options: SimulateStoresOptions): SimulatedStores {
  const { stores, clients, untilMs, trial, isWide = false, pause } = options;
  const draw = seededDraw(5);
  let now = 0;
  const shared = trial === 'shared' ? new GatheringTrial(() => now) : undefined;
  const worthWrites = trial === 'none' ? Number.POSITIVE_INFINITY : 4;
  const all = Array.from({ length: stores }, (): Store => {
    const limits = { worthWrites, enoughWrites: 128, intervalMsMax: 50 };
    return {
      gathering: new Gathering({ ...limits, trial: shared, now: () => now }),
      waiting: 0,
      isBusy: false,
    };
  });
  const due = new Map<number, (() => void)[]>();
  const after = (ms: number, then: () => void): void => {
    const at = Math.max(now + 1, Math.ceil(now + ms));
    due.set(at, [...(due.get(at) ?? []), then]);
  };
  const send = (store: Store): void => {
    const isPaused = pause !== undefined && now >= pause.fromMs && now < pause.untilMs;
    after(1 + 4 * draw() + (isPaused ? pause.untilMs - now : 0), () => void store.waiting++);
  };
  for (const store of all) for (let client = 0; client < clients; client++) send(store);
  let [freeAt, batches, writes] = [0, 0, 0];
  const begin = (store: Store): void => {
    const batch = store.waiting;
    [store.waiting, store.isBusy] = [0, true];
    store.gathering.begin();
    const costMs = batchMs(batch);
    freeAt = Math.max(freeAt, now) + costMs;
    after(isWide ? costMs : freeAt - now, () => {
      store.isBusy = false;
      store.gathering.end(batch);
      batches++;
      writes += batch;
      for (let write = 0; write < batch; write++) send(store);
    });
  };
  for (; now < untilMs; now++) {
    for (const then of due.get(now) ?? []) then();
    due.delete(now);
    for (const store of all)
      if (!store.isBusy && store.waiting > 0 && store.gathering.waitMs === 0) begin(store);
  }
  const gains = all.map(({ gathering }) => gathering.state.gain);
  return { perSecond: (1000 * writes) / untilMs, writesPerBatch: writes / batches, gains };
}
