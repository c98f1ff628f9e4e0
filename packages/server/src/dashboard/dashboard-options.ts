/** What the page's routes are given. */
import type { Model } from 'sluice/model';
import type { Database } from 'sluice/internal/store';

export interface DashboardOptions {
  /** A separate pool, because queries of operators may be slow. Its creator closes it. */
  database: Database;
  /** Names the documents that blocked writes await. */
  model: Model | null;
  /** Nothing can be changed from the page. */
  isReadOnly: boolean;
  /** How often the database is read while somebody looks. @default 1000 */
  intervalMs?: number;
}
