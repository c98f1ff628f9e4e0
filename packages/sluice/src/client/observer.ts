/**
 * What a client tells of its work while it does it, for metrics. Called for each write, so an observer is quick, keeps
 * nothing and never throws.
 */
import type { BatchReport } from '#batch';
import type { ErrorCode, GatheringState, Result } from '#protocol';
import type { PoolUsage } from '#store';

/**
 * How an outcome was learnt. `hint`: a notification named it; `poll`: by looking, because no notifications arrive;
 * `missed_hint`: by looking, although they do.
 */
export type FoundBy = 'hint' | 'poll' | 'missed_hint';

export interface ClientObserver {
  /** The client was asked for a write and has answered; `accepted`: before the outcome. */
  answered(result: Result | 'accepted', seconds: number): void;
  /** It has answered with an error: there is no outcome, or none that is known. */
  failed(code: ErrorCode): void;
  /** One insert has put so many writes into the intake. */
  inserted(writes: number): void;
  /** One of them came there so long after it was handed in. */
  taken(seconds: number): void;
  /** A write's outcome was read so long after it was settled; null: not measured. */
  completed(seconds: number | null, foundBy: FoundBy): void;
  /** A batch is settled by this node: in `direct` and `local` mode, round a full intake, or on the fast path. */
  settled(report: BatchReport): void;
}

/** The state of a client at this moment, known without asking anybody. */
export interface ClientUsage {
  /** Writes whose outcome is awaited. */
  waiting: number;
  isListening: boolean;
  /** Of inserts into the intake; null: the node makes none. */
  gathering: GatheringState | null;
  /** By what they are for. */
  pools: Readonly<Record<string, PoolUsage>>;
}
