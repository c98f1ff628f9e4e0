/**
 * Submits each document once, in any order; it may wait in the database for documents that it refers to. A request
 * ends when its document is accepted, so waiting documents occupy no request. Outcomes are collected many at a time.
 */
import { randomUUID } from 'node:crypto';
import type { LoadLine } from './load-line.ts';
import type { LoadRun, LoadRunOptions } from './load-options.ts';
import { NodeRing } from './node-ring.ts';
import { OutcomePoll } from './outcome-poll.ts';
import { submit } from './submit.ts';

/** Most accepted documents that wait only for the writers; the load does not run further ahead. */
const readyMax = 8192;

export class UnorderedRun implements LoadRun {
  readonly #options: LoadRunOptions;
  readonly #prefer: string;
  readonly #ring: NodeRing;
  readonly #poll: OutcomePoll;
  readonly #runId = randomUUID();
  #underWay = 0;
  #sequence = 0;
  #onRoom: (() => void) | null = null;

  constructor(options: LoadRunOptions, waitForReferencesSeconds: number) {
    const { record, signal, retryMs, nodes, concurrency, token } = options;
    this.#options = options;
    this.#prefer = `respond-async, wait-for-references=${waitForReferencesSeconds}`;
    this.#ring = new NodeRing(nodes, concurrency + 1, token);
    this.#poll = new OutcomePoll({
      ring: this.#ring,
      signal,
      retryMs,
      onAnswer: ({ line, startedAt }, answer) => {
        record.blocked = this.#poll.blocked;
        record.settle(line, answer, startedAt);
      },
      onRound: () => {
        record.blocked = this.#poll.blocked;
        record.progress();
        this.#onRoom?.();
      },
    });
    signal.addEventListener('abort', () => this.#onRoom?.());
  }

  async add(line: LoadLine): Promise<void> {
    void this.#send(line);
    const { concurrency, signal } = this.#options;
    const isFull = () => this.#underWay >= concurrency || this.#poll.ready >= readyMax;
    while (isFull() && !signal.aborted) await this.#room();
  }

  async finish(): Promise<void> {
    while (this.#underWay > 0) await this.#room();
    await this.#poll.drained();
    const { record } = this.#options;
    record.blocked = this.#poll.blocked;
    record.end();
  }

  async close(): Promise<void> {
    await this.#ring.close();
  }

  async #send(line: LoadLine): Promise<void> {
    const { record, retryMs, signal } = this.#options;
    this.#underWay += 1;
    this.#sequence += 1;
    record.submit();
    const startedAt = performance.now();
    const answer = await submit(line, {
      ring: this.#ring,
      idempotencyKey: `${this.#runId}-${this.#sequence}`,
      prefer: this.#prefer,
      retryMs,
      signal,
    });
    this.#underWay -= 1;
    // For a waiting outcome, only the place is kept, not the text.
    const { source, endpoint } = line;
    if (answer.writeId === null) record.settle({ source, endpoint }, answer, startedAt);
    else
      this.#poll.expect(answer.writeId, { line: { source, endpoint }, startedAt, retries: answer.retries });
    this.#onRoom?.();
  }

  #room(): Promise<void> {
    return new Promise((resolve) => {
      this.#onRoom = () => {
        this.#onRoom = null;
        resolve();
      };
    });
  }
}
