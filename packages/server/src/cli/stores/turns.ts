/**
 * Work of several queues, of each of which a few pieces begin at a time. A process that opened hundreds of stores at once
 * would read no server's answer in time, and would open none of them.
 */
import { settleWithin } from 'sluice/internal/protocol';

export interface TurnsOptions {
  /** Places of each queue. */
  atOnce: number;
  /** Longest time in which a piece holds its place, in milliseconds. After it, the piece goes on, and the next one begins. */
  placeMs: number;
  /** Longest wait of a piece before it begins, in milliseconds. */
  waitMs: number;
}

interface Queue {
  held: number;
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
    const queue = this.#queues.get(name) ?? { held: 0, waiting: [] };
    this.#queues.set(name, queue);
    if (queue.held < this.#options.atOnce) queue.held += 1;
    else await this.#await(queue);
    let hasPlace = true;
    const leave = (): void => {
      if (!hasPlace) return;
      hasPlace = false;
      const next = queue.waiting.shift();
      if (next === undefined) queue.held -= 1;
      else next();
    };
    const late = setTimeout(leave, this.#options.placeMs);
    try {
      return await work();
    } finally {
      clearTimeout(late);
      leave();
    }
  }

  /** Resolves with the place of an earlier piece. */
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
