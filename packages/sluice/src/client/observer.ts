/** Events of a client, for metrics. They are called for each write, so an observer must be fast, and must not store or throw. */
import type { BatchReport } from '#batch';
import type { ErrorCode, GatheringState, Result } from '#protocol';
import type { PoolUsage } from '#store';

/**
 * How an outcome was found. `hint`: a notification named it; `poll`: by a read, because no notifications arrive;
 * `missed_hint`: by a read, although they do.
 */
export type FoundBy = 'hint' | 'poll' | 'missed_hint';

export interface ClientObserver {
  /** The client has answered a write; `accepted`: before the outcome. Time in seconds since the request. */
  answered(result: Result | 'accepted', seconds: number): void;
  /** The client has answered with an error: there is no outcome, or it is unknown. */
  failed(code: ErrorCode): void;
  /** One insert has put so many writes into the intake. */
  inserted(writes: number): void;
  /** A write is in the intake; time in seconds since it was handed in. */
  taken(seconds: number): void;
  /** The outcome of a write was read; time in seconds since it was settled; null: not measured. */
  completed(seconds: number | null, foundBy: FoundBy): void;
  /** This node has settled a batch: in `direct` and `local` mode, by the bypass, or on the fast path. */
  settled(report: BatchReport): void;
}

/** The present state of a client, known without a query. */
export interface ClientUsage {
  /** Writes whose outcome is awaited. */
  waiting: number;
  isListening: boolean;
  /** Gathering of inserts into the intake; null: the node makes none. */
  gathering: GatheringState | null;
  /** Connection pools by purpose. */
  pools: Readonly<Record<string, PoolUsage>>;
}
