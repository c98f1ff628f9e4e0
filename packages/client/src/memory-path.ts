/** `direct` and `local`: the node settles every write itself, and no write is ever in the intake. */
import { SluiceError, type Outcome, type Write } from '@sluice/protocol';
import type { DatabaseError, PoolUsage } from '@sluice/store';
import type { NodeSettler } from './node-settler.ts';
import type { Waits } from './waits.ts';
import type { LanesStatus, WritePath } from './write-path.ts';

export class MemoryPath implements WritePath {
  readonly #waits: Waits;
  readonly #settler: NodeSettler;

  constructor(waits: Waits, settler: NodeSettler) {
    this.#waits = waits;
    this.#settler = settler;
  }

  start(): Promise<void> {
    this.#settler.start();
    return Promise.resolve();
  }

  stop(): Promise<void> {
    return this.#settler.stop();
  }

  giveUp(): void {
    // Nothing is accepted before it is settled.
  }

  submit(write: Write, waitMs: number): Promise<Outcome> {
    const waiter = this.#waits.begin(write, waitMs);
    this.#settler.send(waiter);
    return waiter.outcome;
  }

  accept(): Promise<void> {
    return Promise.reject(
      new SluiceError('invalid_request', 'Cannot answer before the outcome without an intake'),
    );
  }

  status(): Promise<LanesStatus> {
    return Promise.resolve({ lanesWithoutLeader: [], lanesOverloaded: [] });
  }

  get trouble(): DatabaseError | null {
    return this.#settler.trouble;
  }

  get pools(): Record<string, PoolUsage> {
    return this.#settler.pool;
  }
}
