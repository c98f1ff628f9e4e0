/**
 * Collects the outcomes of accepted writes, many at a time, from any node that answers. Every round asks for all
 * ready writes; blocked ones take turns. Rounds come more often while they find many.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { LoadLine } from './load-line.ts';
import type { NodeRing, RingNode } from './node-ring.ts';
import { readOutcome, type Answer } from './submit.ts';

/** A document whose outcome is awaited. */
export interface Expected {
  line: Pick<LoadLine, 'source' | 'endpoint'>;
  startedAt: number;
  /** Number of tries after the first, until it was accepted. */
  retries: number;
}

export interface OutcomePollOptions {
  ring: NodeRing;
  /** After an abort, no more requests are made. */
  signal: AbortSignal;
  /** The load gives up when no node answers for this long. */
  retryMs: number;
  onAnswer: (expected: Expected, answer: Answer) => void;
  /** After every round. */
  onRound: () => void;
}

interface Pending extends Expected {
  /** Rounds in which no node knew the write. */
  misses: number;
}

interface WriteState {
  writeId: string;
  state: 'ready' | 'blocked' | 'settled';
  outcome: unknown;
}

const idsMax = 1_000;
const intervalMs = { shortest: 50, longest: 1_000 };
/** Largest share of time for rounds. */
const busyShare = 0.25;
/** An accepted write exists. If none is found, retention has deleted its outcome. */
const missesMax = 5;

export class OutcomePoll {
  readonly #options: OutcomePollOptions;
  readonly #ready = new Map<string, Pending>();
  /** In the order of their last round. */
  readonly #blocked = new Map<string, Pending>();
  #polling: Promise<void> | null = null;
  #answeredAt = performance.now();

  constructor(options: OutcomePollOptions) {
    this.#options = options;
  }

  /** Writes that wait only for the writers, as far as known. */
  get ready(): number {
    return this.#ready.size;
  }

  /** Writes that wait for other documents, as far as known. */
  get blocked(): number {
    return this.#blocked.size;
  }

  expect(writeId: string, expected: Expected): void {
    this.#ready.set(writeId, { ...expected, misses: 0 });
    if (this.#polling !== null) return;
    this.#answeredAt = performance.now();
    this.#polling = this.#poll().finally(() => (this.#polling = null));
  }

  /** Waits for all outcomes; after an abort, for the round under way. */
  async drained(): Promise<void> {
    await this.#polling;
  }

  async #poll(): Promise<void> {
    const { signal, retryMs, onRound } = this.#options;
    for (let restMs = intervalMs.shortest; this.#ready.size + this.#blocked.size > 0;) {
      await pause(restMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      const startedAt = performance.now();
      const { asked, settled } = await this.#askAll();
      onRound();
      if (performance.now() - this.#answeredAt > retryMs) return this.#giveUp();
      if (settled * 2 > asked) restMs /= 2;
      else if (settled * 10 < asked) restMs *= 2;
      const leastMs = Math.max(intervalMs.shortest, (performance.now() - startedAt) / busyShare);
      restMs = Math.max(leastMs, Math.min(restMs, intervalMs.longest));
    }
  }

  async #askAll(): Promise<{ asked: number; settled: number }> {
    const ready = [...this.#ready.keys()];
    const blocked = [...this.#blocked.keys()].slice(0, Math.max(idsMax, ready.length));
    const ids = [...ready, ...blocked];
    let settled = 0;
    for (let from = 0; from < ids.length && !this.#options.signal.aborted; from += idsMax) {
      settled += await this.#ask(ids.slice(from, from + idsMax));
    }
    return { asked: ids.length, settled };
  }

  /** Returns how many have their outcome. */
  async #ask(ids: readonly string[]): Promise<number> {
    const { ring } = this.#options;
    const node = ring.next();
    let states: WriteState[];
    try {
      states = await query(node, ids);
    } catch {
      ring.rest(node);
      return 0;
    }
    this.#answeredAt = performance.now();
    const unknown = new Set(ids);
    let settled = 0;
    for (const state of states) {
      unknown.delete(state.writeId);
      if (this.#take(state)) settled += 1;
    }
    for (const id of unknown) this.#miss(id);
    return settled;
  }

  #take({ writeId, state, outcome }: WriteState): boolean {
    const pending = this.#remove(writeId);
    if (pending === undefined) return false;
    if (state === 'settled') {
      this.#options.onAnswer(pending, { ...readOutcome(outcome), retries: pending.retries });
      return true;
    }
    (state === 'blocked' ? this.#blocked : this.#ready).set(writeId, { ...pending, misses: 0 });
    return false;
  }

  #miss(writeId: string): void {
    const pending = this.#remove(writeId);
    if (pending === undefined) return;
    const misses = pending.misses + 1;
    if (misses < missesMax) this.#ready.set(writeId, { ...pending, misses });
    else this.#fail(pending, 404, 'write_not_found');
  }

  #giveUp(): void {
    for (const pending of [...this.#ready.values(), ...this.#blocked.values()]) {
      this.#fail(pending, 0, 'outcome_unknown');
    }
    this.#ready.clear();
    this.#blocked.clear();
  }

  #fail(pending: Pending, status: number, code: string): void {
    const { retries } = pending;
    this.#options.onAnswer(pending, { applied: null, status, code, missing: [], writeId: null, retries });
  }

  #remove(writeId: string): Pending | undefined {
    const pending = this.#ready.get(writeId) ?? this.#blocked.get(writeId);
    this.#ready.delete(writeId);
    this.#blocked.delete(writeId);
    return pending;
  }
}

async function query(node: RingNode, ids: readonly string[]): Promise<WriteState[]> {
  const { statusCode, body } = await node.pool.request({
    method: 'POST',
    path: '/writes/query',
    headers: { ...node.headers, 'content-type': 'application/json' },
    body: JSON.stringify({ ids }),
  });
  const states = (await body.json()) as WriteState[];
  if (statusCode !== 200) throw new Error(`Cannot read outcomes: the node answers ${statusCode}`);
  return states;
}
