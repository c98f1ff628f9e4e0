// What the clients of rows do, drawn from a seed: appended rows, alone and in arrays, parents and children in any order, rows that are changed and
// deleted, upserts of few hot rows, and a counter. Some are sent more than once, under one idempotency key.

import { Rng } from './rng.ts';
import type { RowRequest } from './row-history.ts';

export interface RowWork extends Pick<
  RowRequest,
  'target' | 'operation' | 'key' | 'shelf' | 'rows' | 'token'
> {
  idempotencyKey: string | null;
  waitsForReferences: boolean;
}

const hotRows = 20;
const counters = 3;

export class RowWorkload {
  readonly #rng: Rng;
  readonly #queue: RowWork[] = [];
  readonly #accounts: string[] = [];
  #token = 0;

  constructor(seed: number) {
    this.#rng = new Rng(seed);
  }

  next(): RowWork {
    const queued = this.#queue.shift();
    if (queued !== undefined) return queued;
    const kind = this.#rng.int(0, 9);
    if (kind < 3) return this.#event();
    if (kind < 5) return this.#family();
    if (kind < 7) return this.#account();
    if (kind < 9) return this.#work('upsert', 'gauge', { key: `g${this.#rng.int(0, hotRows - 1)}` });
    return this.#repeated(this.#work('insert', 'counter', { key: `c${this.#rng.int(0, counters - 1)}` }));
  }

  /** The same request once more. */
  repeat(work: RowWork): void {
    this.#queue.push(work);
  }

  /** What is there can be changed and deleted. */
  learn({ target, operation, key }: RowWork, isApplied: boolean): void {
    if (isApplied && target === 'account' && operation === 'insert' && key !== null) this.#accounts.push(key);
  }

  #work(operation: RowWork['operation'], target: string, more: Partial<RowWork> = {}): RowWork {
    const token = this.#token++;
    const given = { key: null, shelf: null, rows: 1, idempotencyKey: null, waitsForReferences: false };
    return { operation, target, token, ...given, ...more };
  }

  /** With an idempotency key, it is sent until an answer is definite, and at times once more. */
  #repeated(work: RowWork): RowWork {
    if (this.#rng.chance(0.5)) return work;
    const keyed = { ...work, idempotencyKey: `row-${work.token}` };
    if (this.#rng.chance(0.3)) this.#queue.push(keyed);
    return keyed;
  }

  #event(): RowWork {
    return this.#repeated(this.#work('insert', 'event', { rows: this.#rng.chance(0.3) ? 3 : 1 }));
  }

  #family(): RowWork {
    const shelf = `s${this.#token}`;
    const works = [this.#work('insert', 'shelf', { key: shelf })];
    for (let count = this.#rng.int(1, 4); count > 0; count--) {
      const waitsForReferences = this.#rng.chance(0.9);
      works.push(this.#work('insert', 'entry', { key: `${shelf}.${count}`, shelf, waitsForReferences }));
    }
    const [first, ...rest] = this.#rng.shuffle(works);
    this.#queue.push(...rest);
    return first!;
  }

  /** Inserted, changed by several at a time, and deleted by one. */
  #account(): RowWork {
    if (this.#accounts.length < 10) {
      const work = this.#work('insert', 'account', {});
      return { ...work, key: `a${work.token}` };
    }
    const at = this.#rng.int(0, this.#accounts.length - 1);
    const key = this.#accounts[at]!;
    if (this.#rng.chance(0.3)) {
      this.#accounts.splice(at, 1);
      return this.#work('delete', 'account', { key });
    }
    return this.#work('update', 'account', { key });
  }
}
