/**
 * A backlog: the intake is filled while no writer runs, then the writers settle all of it. The reports of the writers
 * about their batches give the rate of each quarter, which costs the database nothing.
 */
import { CounterReader } from './database-counters.ts';
import type { BacklogFigures, MeasureOptions, Measurement } from './measurement.ts';
import type { SettledBatch } from './process/task.ts';
import { startWriters, throughProxy, type Start } from './start-processes.ts';
import { DeadTuplesWatch, believe, rateOf, readUsage, usageOf } from './usage.ts';
import { makeItems } from './workload/item-rows.ts';

export interface Drained extends BacklogFigures {
  /** All documents except those of the first batch, at which time starts. */
  documents: number;
  elapsedMs: number;
}

/** With fewer batches, quarters mean nothing. */
const batchesMin = 8;

/** @param batches Batches of all writers, in any order. */
export function summarizeDrain(batches: readonly SettledBatch[]): Drained {
  const sorted = batches.toSorted((one, other) => one.at - other.at);
  const [first, ...rest] = sorted;
  if (first === undefined || sorted.length < batchesMin) {
    throw new Error(
      `Cannot divide so few batches into quarters: ${sorted.length}. Raise --backlog or lower --batch-writes-max`,
    );
  }
  const documents = rest.reduce((sum, { writes }) => sum + writes, 0);
  const elapsedMs = Math.max(0.001, (rest.at(-1)?.at ?? first.at) - first.at);
  const marks = [0, 0.25, 0.5, 0.75, 1].map((part) => timeOf(part * documents, first.at, rest));
  const quarter = (index: number): number => {
    const took = Math.max(0.001, (marks[index + 1] ?? 0) - (marks[index] ?? 0));
    return Number(((documents / 4 / took) * 1000).toPrecision(4));
  };
  const quarters: BacklogFigures['quarters'] = [quarter(0), quarter(1), quarter(2), quarter(3)];
  const lastToFirstQuarter = Number((quarters[3] / quarters[0]).toPrecision(4));
  return { documents, elapsedMs, quarters, lastToFirstQuarter };
}

/** The time at which this many documents were settled; a batch counts evenly over the time since the previous one. */
function timeOf(documents: number, from: number, batches: readonly SettledBatch[]): number {
  let settled = 0;
  let before = from;
  for (const { writes, at } of batches) {
    if (writes > 0 && settled + writes >= documents) {
      return before + ((at - before) * (documents - settled)) / writes;
    }
    settled += writes;
    before = at;
  }
  return before;
}

/** The writers have died, or make no progress. */
const stalledMs = 60_000;

/** Fills the intake while no writer runs, then starts the writers and waits until it is empty. */
export async function drainBacklog(
  options: MeasureOptions,
  directUrl: string,
  start: Start,
): Promise<Measurement> {
  const { contender, workload, backlog, lanes, rttMs, serverPid, signal, onProgress } = options;
  const counters = await CounterReader.open(directUrl);
  const watch = await DeadTuplesWatch.start(directUrl);
  const drain = new DrainWatch(backlog);
  try {
    const newest = await counters.newestDocument();
    const items = { prefix: `waiting-${workload.seed}-`, from: 0, count: backlog, lanes };
    await makeItems([counters.client], 'queue', items, (made) => {
      signal.throwIfAborted();
      onProgress(`${contender}: filling the intake: ${made} of ${backlog}`);
    });
    await counters.client.query('analyze sluice.intake');
    await counters.client.query('checkpoint');
    onProgress(`${contender}: ${backlog} writes waiting`);
    const url = rttMs > 0 ? await throughProxy(directUrl, rttMs, start) : directUrl;
    const told = {
      onBatch: (batch: SettledBatch) => drain.note(batch),
      onFailure: (error: Error) => drain.fail(error),
    };
    drain.awaitNext();
    const writers = await startWriters(options, url, start, told);
    await drain.begun;
    const before = await readUsage(serverPid, counters, [], writers);
    const settledBefore = drain.settled;
    await drain.done;
    const after = await readUsage(serverPid, counters, [], writers);
    believe(contender, backlog, await counters.countDocuments(newest));
    const { documents, elapsedMs, ...figures } = summarizeDrain(drain.batches);
    return {
      contender,
      clients: 0,
      documents,
      ...rateOf(documents, elapsedMs),
      p50Ms: null,
      p99Ms: null,
      ...usageOf(before, after, backlog - settledBefore, elapsedMs),
      deadTuplesPeak: await watch.peak(),
      backlog: figures,
    };
  } finally {
    drain.stop();
    await watch.stop();
    await counters.close();
  }
}

/** Collects reports of writers until a whole backlog is settled. */
class DrainWatch {
  readonly #total: number;
  readonly batches: SettledBatch[] = [];
  /** Writes settled so far. */
  settled = 0;
  /** Resolves with the first batch. */
  readonly begun: Promise<void>;
  readonly done: Promise<void>;
  #begin: () => void = () => undefined;
  #finish: () => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;
  #stall: NodeJS.Timeout | null = null;

  constructor(total: number) {
    this.#total = total;
    const failed = new Promise<never>((_resolve, reject) => (this.#reject = reject));
    this.begun = Promise.race([failed, new Promise<void>((resolve) => (this.#begin = resolve))]);
    this.done = Promise.race([failed, new Promise<void>((resolve) => (this.#finish = resolve))]);
    // The code that awaits one of them gets the error; the other must not end the program.
    this.begun.catch(() => undefined);
    this.done.catch(() => undefined);
  }

  note(batch: SettledBatch): void {
    this.batches.push(batch);
    this.settled += batch.writes;
    this.#begin();
    this.awaitNext();
    if (this.settled < this.#total) return;
    this.stop();
    this.#finish();
  }

  awaitNext(): void {
    this.stop();
    this.#stall = setTimeout(() => {
      const how = `${this.settled} of ${this.#total}`;
      this.fail(new Error(`the writers have settled nothing for a minute: ${how}`));
    }, stalledMs);
  }

  fail(error: Error): void {
    this.stop();
    this.#reject(error);
  }

  /** Waits no longer. */
  stop(): void {
    if (this.#stall !== null) clearTimeout(this.#stall);
    this.#stall = null;
  }
}
