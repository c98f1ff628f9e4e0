/** The nodes of a load, in turns. A node that broke a connection rests for a moment while others answer. */
import { Pool } from 'undici';

const restMs = 500;

export interface RingNode {
  url: string;
  pool: Pool;
  /** Headers of every request. */
  headers: Record<string, string>;
}

export class NodeRing {
  readonly #nodes: (RingNode & { restsUntil: number })[];
  #turn = 0;

  /** @param connections kept alive to each node; a single node must carry all. */
  constructor(urls: readonly string[], connections: number, token: string | null = null) {
    const headers: Record<string, string> = token === null ? {} : { authorization: `Bearer ${token}` };
    this.#nodes = urls.map((url) => ({
      url,
      headers,
      // A node cancels a write in time. If an answer takes longer than this, the node does not work.
      pool: new Pool(url, { connections, pipelining: 1, headersTimeout: 90_000, bodyTimeout: 90_000 }),
      restsUntil: 0,
    }));
  }

  /** The next node: not the one to avoid, and none that rests, as long as there is another. */
  next(avoid?: RingNode): RingNode {
    const now = performance.now();
    this.#turn += 1;
    const order = this.#nodes.map((_, index) => this.#nodes[(this.#turn + index) % this.#nodes.length]!);
    return (
      order.find((node) => node !== avoid && node.restsUntil <= now) ??
      order.find((node) => node !== avoid) ??
      order[0]!
    );
  }

  rest(node: RingNode): void {
    const resting = this.#nodes.find((candidate) => candidate === node);
    if (resting) resting.restsUntil = performance.now() + restMs;
  }

  async close(): Promise<void> {
    await Promise.all(this.#nodes.map(({ pool }) => pool.destroy()));
  }
}
