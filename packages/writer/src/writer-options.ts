/** What a program says to create a writer, and what it gets. */
import type { Projection } from '@sluice/batch';
import type { Model } from '@sluice/model';
import type { OwnershipForm } from '@sluice/protocol';
import type { Logger } from 'pino';
import type { WriterObserver } from './observer.ts';

export interface WriterOptions {
  /** `postgres://…`, direct: a writer's sessions hold locks. */
  url: string;
  /** @default url */
  listenUrl?: string;
  model: Model;
  /** Must be what the deployment has agreed on. @default 16 */
  lanes?: number;
  /** `lease` where sessions lead through a pooler in transaction mode. All writers need the same. @default 'lock' */
  ownership?: OwnershipForm;
  /** Sessions that share the lanes, with those of all other writers. @default 1 */
  sessions?: number;
  /** False: everything goes by polling. @default true */
  notifications?: boolean;
  /** @default 250 */
  pollIntervalMs?: number;
  /** @default 512 */
  batchWritesMax?: number;
  /** Documents that a change of identity may rewrite. @default 10000 */
  cascadeDocumentsMax?: number;
  /** Derived rows. Every process of a deployment needs the same. @default none */
  projections?: readonly Projection[];
  /** @default 24 */
  retentionHours?: number;
  /** Shown in pg_stat_activity. @default 'sluice writer' */
  applicationName?: string;
  logger?: Logger;
  /** Is told of each batch, for metrics. */
  observer?: WriterObserver;
}

export interface WriterStatus {
  writerId: string;
  /** Lanes that this process leads. */
  lanes: number[];
  isListening: boolean;
  batches: number;
  /** Writes settled. */
  writes: number;
}

export interface Writer {
  start(): Promise<void>;
  /** Finishes the batches in hand and hands over the lanes. Tolerates being called twice. */
  stop(): Promise<void>;
  status(): WriterStatus;
  /** Settles once an operator has drained this writer and it leads nothing any more; it is to be stopped then. */
  readonly drained: Promise<void>;
}
