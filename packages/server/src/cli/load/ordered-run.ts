/** Submits each document after the answers to the earlier ones that it needs. It is under way until its own answer. */
import { randomUUID } from 'node:crypto';
import type { LoadLine } from './load-line.ts';
import { LoadOrder, type OrderedLine } from './load-order.ts';
import type { LoadRun, LoadRunOptions } from './load-options.ts';
import { NodeRing } from './node-ring.ts';
import { submit } from './submit.ts';

/** Lines read ahead, so that others can go while many wait for an earlier document. */
const readAhead = 16;

export class OrderedRun implements LoadRun {
  readonly #options: LoadRunOptions;
  readonly #ring: NodeRing;
  readonly #order: LoadOrder;
  readonly #runId = randomUUID();
  readonly #ready: OrderedLine[] = [];
  /** Lines read and not answered. */
  #open = 0;
  #underWay = 0;
  #sequence = 0;
  #onAnswer: (() => void) | null = null;

  constructor(options: LoadRunOptions) {
    this.#options = options;
    this.#ring = new NodeRing(options.nodes, options.concurrency, options.token);
    this.#order = new LoadOrder(options.model);
  }

  async add(line: LoadLine): Promise<void> {
    const { concurrency, signal } = this.#options;
    this.#open += 1;
    const ordered = this.#order.admit(line);
    if (ordered.awaits === 0) this.#enqueue([ordered]);
    while (this.#open >= concurrency * readAhead && !signal.aborted) await this.#answer();
  }

  async finish(): Promise<void> {
    const { signal, record } = this.#options;
    while (signal.aborted ? this.#underWay > 0 : this.#open > 0) await this.#answer();
    record.end();
  }

  async close(): Promise<void> {
    await this.#ring.close();
  }

  #enqueue(lines: readonly OrderedLine[]): void {
    const { concurrency, signal } = this.#options;
    this.#ready.push(...lines);
    while (this.#underWay < concurrency && this.#ready.length > 0 && !signal.aborted) {
      void this.#settle(this.#ready.shift()!);
    }
  }

  async #settle(ordered: OrderedLine): Promise<void> {
    const { record, retryMs, signal } = this.#options;
    this.#underWay += 1;
    this.#sequence += 1;
    record.submit();
    const startedAt = performance.now();
    const answer = await submit(ordered.line, {
      ring: this.#ring,
      idempotencyKey: `${this.#runId}-${this.#sequence}`,
      retryMs,
      signal,
    });
    this.#underWay -= 1;
    this.#open -= 1;
    record.settle(ordered.line, answer, startedAt);
    this.#enqueue(this.#order.release(ordered));
    this.#onAnswer?.();
  }

  #answer(): Promise<void> {
    return new Promise((resolve) => {
      this.#onAnswer = () => {
        this.#onAnswer = null;
        resolve();
      };
    });
  }
}
