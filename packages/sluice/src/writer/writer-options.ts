/** What a program says to create a writer, and what it gets. */
import type { Projection } from '#batch';
import type { Model } from '#model';
import type { GatheringState, OwnershipForm, Spread, WriterTunable } from '#protocol';
import type { TargetDefinition } from '#targets';
import type { Logger } from 'pino';
import type { WriterObserver } from './observer.ts';

/** Limits and intervals, with their ranges and defaults: `writerTunables` of the protocol. */
export interface WriterOptions extends Partial<Record<WriterTunable, number>> {
  /** `postgres://…`, direct: a writer's sessions hold locks. */
  url: string;
  /** @default url */
  listenUrl?: string;
  /** Of the deployment; a database may hold several. @default 'sluice' */
  schema?: string | undefined;
  /** Of the documents. @default none, where there are targets: the writer settles no documents */
  model?: Model | undefined;
  /** Tables, functions and handlers beside documents. Every process of a deployment needs the same. @default none */
  targets?: readonly TargetDefinition[];
  /** `lease` where sessions lead through a pooler in transaction mode. All writers need the same. @default 'lock' */
  ownership?: OwnershipForm;
  /** `load`: as few sessions lead as keep up, the others stand by; `even`: all lead. @default 'load' */
  spread?: Spread;
  /** False: everything goes by polling. @default true */
  notifications?: boolean;
  /** Derived rows. Every process of a deployment needs the same. @default none */
  projections?: readonly Projection[];
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
  /** How its batches wait for more writes: of the session that waits longest. */
  gathering: GatheringState;
}

export interface Writer {
  start(): Promise<void>;
  /** Finishes the batches in hand and hands over the lanes. Tolerates being called twice. */
  stop(): Promise<void>;
  status(): WriterStatus;
  /** Settles once an operator has drained this writer and it leads nothing any more; it is to be stopped then. */
  readonly drained: Promise<void>;
}
