/** The options of a writer, and its interface. */
import type { Projection } from '#batch';
import type { Model } from '#model';
import type {
  BatchPlaces,
  GatheringState,
  GatheringTrial,
  OwnershipForm,
  Spread,
  WriterTunable,
} from '#protocol';
import type { TargetDefinition } from '#targets';
import type { Logger } from 'pino';
import type { WriterObserver } from './observer.ts';

/** Limits and intervals, with their ranges and defaults: `writerTunables` of the protocol. */
export interface WriterOptions extends Partial<Record<WriterTunable, number>> {
  /** `postgres://…`, without a pooler, because a writer's sessions hold locks. */
  url: string;
  /** @default url */
  listenUrl?: string;
  /** Schema of the deployment; a database may have several. @default 'sluice' */
  schema?: string | undefined;
  /** Model of the documents. @default none; then targets are required, and the writer settles no documents */
  model?: Model | undefined;
  /** Tables, functions and handlers. Every process of a deployment needs the same. @default none */
  targets?: readonly TargetDefinition[];
  /** `lease` if sessions lead through a pooler in transaction mode. All writers need the same. @default 'lock' */
  ownership?: OwnershipForm;
  /** `load`: as few sessions lead as keep up, and the others are standbys; `even`: all lead. @default 'load' */
  spread?: Spread;
  /** False: the writer only polls. @default true */
  notifications?: boolean;
  /** Derived rows. Every process of a deployment needs the same. @default none */
  projections?: readonly Projection[];
  /** Shown in pg_stat_activity. @default 'sluice writer', for another schema with its name */
  applicationName?: string;
  logger?: Logger;
  /** For its batches. The data stores of one process share it. @default each session has its own */
  gatheringTrial?: GatheringTrial | undefined;
  /** Limits the batches that run at a time. The data stores of one process share it for each server. @default no limit */
  batchPlaces?: BatchPlaces | undefined;
  /** Receives each batch, for metrics. */
  observer?: WriterObserver;
}

export interface WriterStatus {
  writerId: string;
  /** Lanes that this process leads. */
  lanes: number[];
  isListening: boolean;
  batches: number;
  /** Number of settled writes. */
  writes: number;
  /** How its batches wait for more writes: the state of the session that waits longest. */
  gathering: GatheringState;
}

export interface Writer {
  start(): Promise<void>;
  /** Finishes the batches under way and hands over the lanes. May be called twice. */
  stop(): Promise<void>;
  status(): WriterStatus;
  /** Resolves when an operator has drained this writer and it leads nothing; stop it then. */
  readonly drained: Promise<void>;
}
