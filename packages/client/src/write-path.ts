/** How a write gets from a node to its outcome. Three modes, two implementations: by the intake, or by memory. */
import type { Outcome, Write } from '@sluice/protocol';
import type { DatabaseError, PoolUsage } from '@sluice/store';

/** Lanes that take no writes. */
export interface LanesStatus {
  lanesWithoutLeader: number[];
  lanesOverloaded: number[];
}

export interface WritePath {
  start(): Promise<void>;
  /** Takes nothing new, waits for what is under way. */
  stop(): Promise<void>;
  /** Ends all waits as if their time were up: settled, or cancelled for good. */
  endWaits(): void;
  /** Answers all that still wait: what may have been applied is unknown. */
  abandon(): void;
  /** Resolves with the outcome, or at the end of the wait with the definite answer that nothing was applied. */
  submit(write: Write, waitMs: number): Promise<Outcome>;
  /** Resolves once the write is durable in the intake; tries for as long as it may wait. */
  accept(write: Write, waitMs: number): Promise<void>;
  /** Waits for a write that was submitted elsewhere. */
  join(writeId: string, lane: number, waitMs: number): Promise<Outcome>;
  /** What a look at the lanes says now; nothing where there are none. */
  status(): Promise<LanesStatus>;
  /** Writes whose outcome is awaited. */
  readonly waiting: number;
  readonly isListening: boolean;
  /** Why the database takes none of its writes, as far as is known: it is tried again until it does. Null: it takes them. */
  readonly trouble: DatabaseError | null;
  /** Its pools of connections, by what they are for. */
  readonly pools: Readonly<Record<string, PoolUsage>>;
}
