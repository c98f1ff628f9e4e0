/** The options of a session that leads lanes, its callbacks, and the settings of its connection. */
import type { BatchReport, SettleOptions } from '#batch';
import type { BatchPlaces, GatheringTrial, OwnershipForm, Spread } from '#protocol';
import type { Backend, ConnectionOptions, DatabaseError } from '#store';
import type { WokenBy } from './observer.ts';
import type { FindBlocker } from './watch-wait.ts';

export interface LaneSessionOptions {
  connection: ConnectionOptions;
  lanes: number;
  writerId: string;
  ownership: () => OwnershipForm;
  spread: Spread;
  batchWritesMax: number;
  /** Longest rest, in milliseconds; the heartbeat sets a limit of its own. */
  pollIntervalMs: number;
  settle: SettleOptions;
  gatheringTrial?: GatheringTrial | undefined;
  /** Shared by the data stores of a process. @default no limit */
  batchPlaces?: BatchPlaces | undefined;
  /** Whether hints arrive; without them, a rest starts only after an empty read. */
  isListening: () => boolean;
  /** Whether the hints of all its lanes arrive; those that came before their LISTEN are not missed. */
  isHearing: () => boolean;
  /** Whether hints are wanted and do not arrive now; then the session polls more often. */
  isDeaf: () => boolean;
  /** Whether this backend is at work; asked on another connection, when an answer is missing. */
  isBackendWorking: (backend: Backend) => Promise<boolean>;
  /** The transaction that the backend of a session waits for; asked on another connection. Null: none is known. */
  findBlocker: FindBlocker;
  onBatch: (report: BatchReport) => void;
  /** The lanes that it leads now, and how many of them were just taken. */
  onLanes: (lanes: readonly number[], taken: number) => void;
  onWoken: (by: WokenBy) => void;
  /** At each heartbeat, and at the end of the session: the next session of those that share the lanes. Null: there is none. */
  onNeighbour: (pid: number | null) => void;
  /** An operator drains the writer; this session gives up its lanes and ends by itself. */
  onDrain: () => void;
  onError: (error: unknown) => void;
  /** The server lacks what any batch needs, e.g. room on its disk; the session goes on leading. */
  onTrouble: (error: DatabaseError) => void;
}

/**
 * The server ends a session that is silent or stuck for longer, and so the leadership of a frozen process. The kernel
 * of a frozen process would answer keepalives for ever.
 */
export const sessionSettings: Readonly<Record<string, string>> = {
  idle_session_timeout: '2s',
  idle_in_transaction_session_timeout: '2s',
  transaction_timeout: '30s',
  statement_timeout: '20s',
  // Batches search for locked rows instead of waiting. Some locks show only to a session that waits (a key that another
  // transaction inserts, a row of a projection). Such a wait delays other writes no longer than this, once.
  lock_timeout: '100ms',
  client_connection_check_interval: '250ms',
  tcp_user_timeout: '3s',
  tcp_keepalives_idle: '5',
  tcp_keepalives_interval: '1',
  tcp_keepalives_count: '3',
};
