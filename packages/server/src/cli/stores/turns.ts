/**
 * Work of several queues, of each of which a few pieces run at a time. A process that opened hundreds of stores at once
 * would read no server's answer in time, and would open none of them.
 */
import { settleWithin } from 'sluice/internal/protocol';

export interface TurnsOptions {
  /** Pieces of each queue that run concurrently. */
  atOnce: number;
  /** Longest wait of a piece before it begins, in milliseconds. */
  waitMs: number;
}

interface Queue {
  running: number;
  waiting: (() => void)[];
}

export class Turns {
  readonly #options: TurnsOptions;
  readonly #queues = new Map<string, Queue>();

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  /** Runs work of a queue in its turn. @throws {Error} if that does not come in time */
  async run<T>(name: string, work: () => Promise<T>): Promise<T> {
    const queue = this.#queues.get(name) ?? { running: 0, waiting: [] };
    this.#queues.set(name, queue);
    if (queue.running < this.#options.atOnce) queue.running += 1;
    else await this.#await(queue);
    try {
      return await work();
    } finally {
      const next = queue.waiting.shift();
      if (next === undefined) queue.running -= 1;
      else next();
    }
  }

  /** Resolves with the place of a piece that has ended. */
  async #await(queue: Queue): Promise<void> {
    let begin!: () => void;
    const turn = new Promise<void>((resolve) => (begin = resolve));
    queue.waiting.push(begin);
    await settleWithin([turn], this.#options.waitMs);
    const index = queue.waiting.indexOf(begin);
    if (index === -1) return;
    queue.waiting.splice(index, 1);
    throw new Error('too many others were before it');
  }
}
