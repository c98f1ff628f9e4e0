/**
 * A load: many documents through several nodes, a bounded number under way, each submitted once those before it that
 * it needs are answered.
 */
import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { Model } from '@sluice/model';
import { Latency } from './latency.ts';
import type { LoadLine } from './load-line.ts';
import { LoadOrder, type OrderedLine } from './load-order.ts';
import { NodeRing } from './node-ring.ts';
import type { BrokenLine } from './read-lines.ts';
import { submit, type Answer } from './submit.ts';

export interface LoadOptions {
  /** URLs of the nodes. */
  nodes: readonly string[];
  concurrency: number;
  /** Null: one document at a time, in order. */
  model: Model | null;
  /** How long one document is tried again. @default 60_000 */
  retryMs?: number;
  /** Aborted, the load takes no new lines and waits for those under way. */
  signal?: AbortSignal;
  /** Called after every answer, with what tells the state of the load. */
  onProgress?: (readTally: () => LoadTally) => void;
}

export interface LoadFailure {
  line: string;
  endpoint: string | null;
  /** HTTP status; 0: no answer. */
  status: number;
  code: string;
}

export interface LoadTally {
  /** Documents that have their answer. */
  documents: number;
  created: number;
  updated: number;
  unchanged: number;
  failed: number;
  retries: number;
  seconds: number;
  documentsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
}

export interface LoadReport extends LoadTally {
  /** The first ones. */
  failures: LoadFailure[];
  /** The load ended before its last line. */
  isInterrupted: boolean;
}

const failuresShown = 20;
/** Lines read ahead: while many wait for a document before them, others behind them can go. */
const readAhead = 16;

export async function load(
  lines: AsyncIterable<LoadLine | BrokenLine> | Iterable<LoadLine | BrokenLine>,
  options: LoadOptions,
): Promise<LoadReport> {
  const run = new LoadRun(options);
  try {
    for await (const line of lines) {
      if (options.signal?.aborted === true) break;
      if ('fault' in line) run.refuse(line);
      else await run.add(line);
    }
    await run.finish();
  } finally {
    await run.close();
  }
  return run.report();
}

class LoadRun {
  readonly #options: LoadOptions;
  readonly #ring: NodeRing;
  readonly #order: LoadOrder;
  readonly #signal: AbortSignal;
  readonly #latency = new Latency();
  readonly #runId = randomUUID();
  readonly #failures: LoadFailure[] = [];
  readonly #counts = { created: 0, updated: 0, unchanged: 0, failed: 0, retries: 0 };
  readonly #started = performance.now();
  readonly #ready: OrderedLine[] = [];
  /** Lines read and not answered. */
  #open = 0;
  #underWay = 0;
  #sequence = 0;
  #ended = 0;
  #onAnswer: (() => void) | null = null;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#signal = options.signal ?? new AbortController().signal;
    // Every document that waits for its next try listens.
    setMaxListeners(0, this.#signal);
    this.#ring = new NodeRing(options.nodes, options.concurrency);
    this.#order = new LoadOrder(options.model);
  }

  /** Takes a line, and waits while enough others are read ahead. */
  async add(line: LoadLine): Promise<void> {
    this.#open += 1;
    const ordered = this.#order.admit(line);
    if (ordered.awaits === 0) this.#enqueue([ordered]);
    while (this.#open >= this.#options.concurrency * readAhead && !this.#signal.aborted) await this.#answer();
  }

  refuse({ source, fault }: BrokenLine): void {
    this.#fail({ line: source, endpoint: null, status: 0, code: `line ${fault}` });
  }

  /** Waits for all lines taken; once interrupted, for those under way. */
  async finish(): Promise<void> {
    while (this.#signal.aborted ? this.#underWay > 0 : this.#open > 0) await this.#answer();
    this.#ended = performance.now();
  }

  async close(): Promise<void> {
    await this.#ring.close();
  }

  report(): LoadReport {
    return { ...this.#readTally(), failures: this.#failures, isInterrupted: this.#signal.aborted };
  }

  #enqueue(lines: readonly OrderedLine[]): void {
    this.#ready.push(...lines);
    while (this.#underWay < this.#options.concurrency && this.#ready.length > 0 && !this.#signal.aborted) {
      void this.#settle(this.#ready.shift()!);
    }
  }

  async #settle(ordered: OrderedLine): Promise<void> {
    this.#underWay += 1;
    const started = performance.now();
    this.#sequence += 1;
    const answer = await submit(ordered.line, {
      ring: this.#ring,
      idempotencyKey: `${this.#runId}-${this.#sequence}`,
      retryMs: this.#options.retryMs ?? 60_000,
      signal: this.#signal,
    });
    this.#latency.record(performance.now() - started);
    this.#underWay -= 1;
    this.#open -= 1;
    this.#count(ordered.line, answer);
    this.#enqueue(this.#order.release(ordered));
    this.#onAnswer?.();
  }

  #count({ source, endpoint }: LoadLine, { applied, status, code, retries }: Answer): void {
    this.#counts.retries += retries;
    if (applied === null) this.#fail({ line: source, endpoint, status, code });
    else this.#counts[applied] += 1;
    this.#options.onProgress?.(this.#readTally);
  }

  #fail(failure: LoadFailure): void {
    this.#counts.failed += 1;
    if (this.#failures.length < failuresShown) this.#failures.push(failure);
  }

  #answer(): Promise<void> {
    return new Promise((resolve) => {
      this.#onAnswer = () => {
        this.#onAnswer = null;
        resolve();
      };
    });
  }

  readonly #readTally = (): LoadTally => {
    const { created, updated, unchanged, failed } = this.#counts;
    const documents = created + updated + unchanged + failed;
    const seconds = ((this.#ended || performance.now()) - this.#started) / 1000;
    return {
      documents,
      ...this.#counts,
      seconds: Number(seconds.toFixed(3)),
      documentsPerSecond: Math.round(documents / Math.max(seconds, 0.001)),
      p50Ms: this.#latency.percentileMs(50),
      p99Ms: this.#latency.percentileMs(99),
    };
  };
}
