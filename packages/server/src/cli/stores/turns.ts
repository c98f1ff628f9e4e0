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

  /**
   * Runs work of a queue in its turn.
   * @param signal Its abort ends the wait for the turn.
   * @throws {Error} if the turn does not come in time, or the wait ends
   */
  async run<T>(name: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const queue = this.#queues.get(name) ?? { held: 0, waiting: [] };
    this.#queues.set(name, queue);
    if (queue.held < this.#options.atOnce) queue.held += 1;
    else await this.#await(queue, signal);
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
  async #await(queue: Queue, signal: AbortSignal | undefined): Promise<void> {
    let begin!: () => void;
    let leave!: () => void;
    const turn = new Promise<void>((resolve) => (begin = resolve));
    const left = new Promise<void>((resolve) => (leave = resolve));
    queue.waiting.push(begin);
    signal?.addEventListener('abort', leave);
    await settleWithin([Promise.race([turn, left])], this.#options.waitMs);
    signal?.removeEventListener('abort', leave);
    const index = queue.waiting.indexOf(begin);
    if (index === -1) return;
    queue.waiting.splice(index, 1);
    throw new Error('too many others were before it');
  }
}
