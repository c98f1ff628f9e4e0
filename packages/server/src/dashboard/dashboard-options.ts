/** The options of the page's routes. */
import type { Model } from 'sluice/model';
import type { Database } from 'sluice/internal/store';

export interface DashboardOptions {
  /** A separate pool, because queries of operators may be slow. The caller closes it. */
  database: Database;
  /** Names the documents that blocked writes await. */
  model: Model | null;
  /** Whether the page may change nothing. */
  isReadOnly: boolean;
  /** Name of the data store, if the deployment has several: the page shows it, and links to the others. */
  store?: string | undefined;
  /** Host names of the data store, at which `/dashboard/` is its page and not the choice of a store. @default none */
  hosts?: readonly string[] | undefined;
  /** Interval of reads while there is a viewer, in milliseconds. @default 1000 */
  intervalMs?: number;
}
