/**
 * The path of a write from a node to its outcome: through the intake (coordinated-path.ts), or settled by the node
 * itself (node-settler.ts).
 */
import type { Outcome, Write } from '#protocol';
import type { DatabaseError, PoolUsage } from '#store';

export interface WritePath {
  start(): Promise<void>;
  /** Stops when no caller waits for a write. */
  stop(): Promise<void>;
  /** Resolves with the outcome, or at the end of the wait with the answer that nothing was applied. An abort ends the wait. */
  submit(write: Write, waitMs: number, signal?: AbortSignal): Promise<Outcome>;
  /** Why the database takes no writes of the path, as far as is known; it is tried again until it does. Null: it takes them. */
  readonly trouble: DatabaseError | null;
  /** Connection pools by purpose. */
  readonly pools: Readonly<Record<string, PoolUsage>>;
}
