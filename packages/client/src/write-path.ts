/** How a write gets from a node to its outcome: through the intake (`coordinated`), or from the node's memory. */
import type { Outcome, Write } from '@sluice/protocol';
import type { DatabaseError, PoolUsage } from '@sluice/store';

/** Lanes that take no writes. */
export interface LanesStatus {
  lanesWithoutLeader: number[];
  lanesOverloaded: number[];
}

export interface WritePath {
  start(): Promise<void>;
  /** Nobody waits for a write any more. */
  stop(): Promise<void>;
  /** Takes in no more of what may only be accepted. */
  giveUp(): void;
  /** Resolves with the outcome, or at the end of the wait with the definite answer that nothing was applied. */
  submit(write: Write, waitMs: number): Promise<Outcome>;
  /** Resolves once the write is durable in the intake; tries for as long as it may wait. */
  accept(write: Write, waitMs: number): Promise<void>;
  /** What a look at the lanes says now; nothing where there are none. */
  status(): Promise<LanesStatus>;
  /** Why the database takes none of its writes, as far as is known: it is tried again until it does. Null: it takes them. */
  readonly trouble: DatabaseError | null;
  /** Its pools of connections, by what they are for. */
  readonly pools: Readonly<Record<string, PoolUsage>>;
}
