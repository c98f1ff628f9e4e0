import type { Projection } from '@sluice/batch';
import type { Model } from '@sluice/model';
import type { Mode, OnOverload } from '@sluice/protocol';
import type { Logger } from 'pino';
import type { ClientObserver } from './observer.ts';

export interface ClientOptions {
  /** `postgres://…` */
  url: string;
  /** A direct URL for LISTEN, where `url` leads through a transaction-mode pooler. @default url */
  listenUrl?: string;
  /** Of the deployment; a database may hold several. @default 'sluice' */
  schema?: string | undefined;
  model: Model;
  /** @default 'coordinated' */
  mode?: Mode;
  /** Must be what the deployment has agreed on. @default 16 */
  lanes?: number;
  /** False: everything goes by polling. @default true */
  notifications?: boolean;
  /** @default 250 */
  pollIntervalMs?: number;
  /** How long a write waits for its outcome. @default 30000 */
  waitMs?: number;
  /** How long a statement's answer is awaited before its connection counts as lost. @default 35000 */
  answerTimeoutMs?: number;
  /** @default 10000 */
  waitingWritesMax?: number;
  /**
   * Lanes take no more writes while this many have arrived since the oldest that waits its turn there; again below half
   * of it. @default 200000
   */
  highWaterWrites?: number;
  /** The same by the age of that write. @default 30000 */
  highWaterMs?: number;
  /** A lane may be without a leader for this long before its writes are refused. @default 5000 */
  leaderGraceMs?: number;
  /** What becomes of the writes that a lane does not take: `bypass` commits them here, as `direct` mode does. @default 'refuse' */
  onOverload?: OnOverload;
  /** Told to stop, writes may wait for this long; those left are cancelled. @default 10000 */
  drainMs?: number;
  /**
   * Bytes of a document as PostgreSQL writes it out. A larger one is refused; one that is stored already is not read.
   * @default 20 MiB
   */
  documentBytesMax?: number;
  /** Bytes of documents from which on a page ends early; it holds at least one. @default 16 MiB */
  pageBytesMax?: number;
  /** Blocked writes that one client may have. @default 100000 */
  blockedWritesMax?: number;
  /**
   * So many writes at once, or fewer, are settled by a node itself while nothing else of it is under way and nobody works on
   * their lanes; where the role of its URL may not do that, all go through the intake. 0: all do. @default 512
   */
  fastPathWritesMax?: number;
  /** Writes in one insert, or in one batch of `local` mode. @default 512 */
  flushWritesMax?: number;
  /** Sessions that write in `direct` (@default 32) and `local` (@default 2) mode. */
  sessionsMax?: number;
  /** Documents that a change of identity may rewrite. @default 10000 */
  cascadeDocumentsMax?: number;
  /** Derived rows. Every process of a deployment needs the same. @default none */
  projections?: readonly Projection[];
  /** Connections for reads. @default 8 */
  connectionsMax?: number;
  /** Shown in pg_stat_activity. @default 'sluice node' */
  applicationName?: string;
  logger?: Logger;
  /** Is told of each write, for metrics. */
  observer?: ClientObserver;
}
