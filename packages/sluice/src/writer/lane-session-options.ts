/** What a session that leads lanes has to know, whom it tells what, and the settings of its connection. */
import type { BatchReport, SettleOptions } from '#batch';
import type { OwnershipForm, Spread } from '#protocol';
import type { ConnectionOptions, DatabaseError } from '#store';
import type { WokenBy } from './observer.ts';

export interface LaneSessionOptions {
  connection: ConnectionOptions;
  lanes: number;
  writerId: string;
  ownership: OwnershipForm;
  spread: Spread;
  batchWritesMax: number;
  /** Rests at most this long. */
  pollIntervalMs: number;
  settle: SettleOptions;
  /** Whether hints arrive: without them, rest begins only once a read has found nothing. */
  isListening: () => boolean;
  /** Whether hints are wanted and do not arrive now: until they do, it looks more often. */
  isDeaf: () => boolean;
  /** Whether this backend works on something: asked of another connection, when its session's answers do not come. */
  isBackendWorking: (pid: number) => Promise<boolean>;
  onBatch: (report: BatchReport, lanes: number) => void;
  /** The lanes that it leads now, and how many of them were just taken. */
  onLanes: (lanes: readonly number[], taken: number) => void;
  onWoken: (by: WokenBy) => void;
  /** At each heartbeat, and when the session ends: the session next to this one of those that share the lanes. Null: none is. */
  onNeighbour: (pid: number | null) => void;
  /** An operator wants the writer to drain; this session gives up its lanes and ends by itself. */
  onDrain: () => void;
  onError: (error: unknown) => void;
  /** The server lacks what any batch needs, e.g. room on its disk; the session leads on. */
  onTrouble: (error: DatabaseError) => void;
}

/**
 * The server ends a session that is silent or stuck for longer than this, and with it the leadership of a process that
 * is frozen: its kernel would go on answering keepalives for ever.
 */
export const sessionSettings: Readonly<Record<string, string>> = {
  idle_session_timeout: '2s',
  idle_in_transaction_session_timeout: '2s',
  transaction_timeout: '30s',
  statement_timeout: '20s',
  // Rows are looked for, not waited for. What shows only to a session that waits for it (a key that another transaction is about to
  // insert, a row of a projection) holds up neighbours for no longer than this, once.
  lock_timeout: '100ms',
  client_connection_check_interval: '250ms',
  tcp_user_timeout: '3s',
  tcp_keepalives_idle: '5',
  tcp_keepalives_interval: '1',
  tcp_keepalives_count: '3',
};
