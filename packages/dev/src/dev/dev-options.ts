/** The options of `sluice dev`. */
import type { ClusterOptions } from './cluster.ts';
import type { LoadSource } from './run-load.ts';

export interface DevOptions extends Omit<ClusterOptions, 'onEvent'> {
  /** Null: nothing is loaded. */
  source: LoadSource | null;
  concurrency: number;
  /** Null: documents are loaded in order. */
  waitForReferencesSeconds: number | null;
  /** Null: not shuffled. */
  shuffleSeed: number | null;
  /** Repeats the load in `direct` mode. */
  compares: boolean;
  /** Ends after the load. */
  isOnce: boolean;
  isJson: boolean;
}
