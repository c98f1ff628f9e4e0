import type { Projection } from '#batch';
import type { Model } from '#model';
import type { BatchPlaces, ClientTunable, GatheringTrial, Mode, OnOverload } from '#protocol';
import type { TargetDefinition } from '#targets';
import type { Logger } from 'pino';
import type { ClientObserver } from './observer.ts';

/** Limits and intervals; `clientTunables` and `embeddedTunables` of the protocol have their ranges and defaults. */
export interface ClientOptions extends Partial<Record<ClientTunable, number>> {
  /** `postgres://…` */
  url: string;
  /** A direct URL for LISTEN, if `url` leads through a transaction-mode pooler. @default url */
  listenUrl?: string;
  /** Schema of the deployment; a database may have several. @default 'sluice' */
  schema?: string | undefined;
  /** Model of the documents. @default none; then targets are required */
  model?: Model | undefined;
  /** Tables, functions and handlers beside documents. Every process of a deployment needs the same. @default none */
  targets?: readonly TargetDefinition[];
  /** @default 'coordinated' */
  mode?: Mode;
  /** False: the client only polls. @default true */
  notifications?: boolean;
  /** What happens to writes that a lane does not take: `bypass` commits them here, like `direct` mode. @default 'refuse' */
  onOverload?: OnOverload;
  /** Derived rows. Every process of a deployment needs the same. @default none */
  projections?: readonly Projection[];
  /**
   * Shown in pg_stat_activity. Writers of sleeping data stores recognize a node by its default.
   * @default 'sluice node', followed by the schema unless that is `sluice`
   */
  applicationName?: string;
  /** Name of the data store, if a deployment has several: an attribute of the spans of its writes. */
  store?: string | undefined;
  /** For its inserts into the intake. The data stores of one process share it. @default its own */
  gatheringTrial?: GatheringTrial | undefined;
  /** Limits the batches that run at a time. The data stores of one process share it for each server. @default no limit */
  batchPlaces?: BatchPlaces | undefined;
  logger?: Logger;
  /** Receives each write, for metrics. */
  observer?: ClientObserver;
}
