// What the clients do, drawn from a seed: unique inserts, upserts of few hot documents, graphs in any order with their
// deletes, and requests that are sent more than once under one idempotency key. Every body is told from every other.

import { Rng } from './rng.ts';

export interface Work {
  op: 'upsert' | 'update' | 'delete' | 'read';
  thing: string;
  links: readonly string[];
  documentId: string | null;
  ifMatch: string | null;
  key: string | null;
  waitForReferences: boolean;
  /** Answered as soon as it is durable, before its outcome. */
  respondsAsync: boolean;
  /** Part of a cycle: settled together, which is possible only where the writes of several nodes meet. */
  needsIntake: boolean;
  /** What tells this body from all others; tries of one request have one. */
  nonce: number;
  /** Sent again, until an answer is definite. */
  isRepeated: boolean;
}

export interface Learnt {
  work: Work;
  documentId: string;
  hash: string | null;
}

export interface WorkloadWeights {
  set: number;
  register: number;
  graph: number;
  keys: number;
  read: number;
}

export const usualWeights: WorkloadWeights = { set: 66, register: 18, graph: 4, keys: 8, read: 4 };

const hotThings = 50;
const recentMax = 512;

export class Workload {
  readonly #rng: Rng;
  readonly #weights: readonly (readonly [keyof WorkloadWeights, number])[];
  readonly #total: number;
  #nonce = 0;
  /** Writes of graphs that are still to be sent, and repetitions. */
  readonly #queue: Work[] = [];
  readonly #hot = new Map<string, { documentId: string; hash: string | null }>();
  #recent: string[] = [];

  constructor(seed: number, weights: WorkloadWeights = usualWeights) {
    this.#rng = new Rng(seed);
    this.#weights = Object.entries(weights) as [keyof WorkloadWeights, number][];
    this.#total = this.#weights.reduce((sum, [, weight]) => sum + weight, 0);
  }

  next(): Work {
    const queued = this.#queue.shift();
    if (queued !== undefined) return queued;
    let at = this.#rng.next() * this.#total;
    const [kind] = this.#weights.find(([, weight]) => (at -= weight) < 0) ?? ['set'];
    if (kind === 'register') return this.#register();
    if (kind === 'graph') return this.#graph();
    if (kind === 'keys') return this.#keyed();
    if (kind === 'read' && this.#recent.length > 0)
      return this.#work('read', '', { documentId: this.#rng.pick(this.#recent) });
    return this.#work('upsert', `s${this.#nonce}`);
  }

  /** What an answer taught: documents to update, to read, to delete. */
  learn({ work, documentId, hash }: Learnt): void {
    if (work.thing.startsWith('h')) this.#hot.set(work.thing, { documentId, hash });
    if (work.thing.startsWith('g') && work.op === 'upsert' && this.#rng.chance(0.3)) {
      this.#queue.push(this.#work('delete', work.thing, { documentId }));
    }
    // Of a deleted one it is asked whether it is gone.
    if (this.#recent.length < recentMax) this.#recent.push(documentId);
    else this.#recent[this.#rng.int(0, recentMax - 1)] = documentId;
  }

  /** The same request once more. */
  repeat(work: Work): void {
    this.#queue.push(work);
  }

  #work(op: Work['op'], thing: string, more: Partial<Work> = {}): Work {
    return {
      op,
      thing,
      links: [],
      documentId: null,
      ifMatch: null,
      key: null,
      waitForReferences: false,
      respondsAsync: false,
      needsIntake: false,
      nonce: this.#nonce++,
      isRepeated: false,
      ...more,
    };
  }

  #register(): Work {
    const thing = `h${this.#rng.int(0, hotThings - 1)}`;
    const known = this.#hot.get(thing);
    if (known === undefined || this.#rng.chance(0.7)) {
      const respondsAsync = this.#rng.chance(0.1);
      return this.#work('upsert', thing, { respondsAsync, needsIntake: respondsAsync });
    }
    const { documentId, hash } = known;
    if (this.#rng.chance(0.3)) return this.#work('read', thing, { documentId });
    return this.#work('update', thing, { documentId, ifMatch: this.#rng.chance(0.5) ? hash : null });
  }

  /** A few documents that refer to each other, in cycles too, in any order; the first is given out at once. */
  #graph(): Work {
    const size = this.#rng.int(2, 6);
    const name = `g${this.#nonce}`;
    const things = Array.from({ length: size }, (_, index) => `${name}.${index}`);
    const isCycle = this.#rng.chance(0.3);
    const works = things.map((thing, index) => {
      const links = isCycle
        ? [things[(index + 1) % size] ?? thing]
        : things.slice(0, index).filter(() => this.#rng.chance(0.5));
      return this.#work('upsert', thing, {
        links,
        waitForReferences: this.#rng.chance(0.9),
        needsIntake: isCycle,
      });
    });
    const [first, ...rest] = this.#rng.shuffle(works);
    this.#queue.push(...rest);
    return first ?? this.#work('upsert', name);
  }

  #keyed(): Work {
    const work = this.#work('upsert', `k${this.#nonce}`, { key: `key-${this.#nonce}`, isRepeated: true });
    if (this.#rng.chance(0.3)) this.#queue.push(work);
    // Somebody takes the same key for something else.
    if (this.#rng.chance(0.02)) this.#queue.push(this.#work('upsert', work.thing, { key: work.key }));
    return work;
  }
}
