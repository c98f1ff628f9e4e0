import type { Projection } from '#batch';
import type { Model } from '#model';
import type { ClientTunable, Mode, OnOverload } from '#protocol';
import type { TargetDefinition } from '#targets';
import type { Logger } from 'pino';
import type { ClientObserver } from './observer.ts';

/** Limits and intervals, with their ranges and defaults: `clientTunables` and `embeddedTunables` of the protocol. */
export interface ClientOptions extends Partial<Record<ClientTunable, number>> {
  /** `postgres://…` */
  url: string;
  /** A direct URL for LISTEN, where `url` leads through a transaction-mode pooler. @default url */
  listenUrl?: string;
  /** Of the deployment; a database may hold several. @default 'sluice' */
  schema?: string | undefined;
  /** Of the documents. @default none, where there are targets */
  model?: Model | undefined;
  /** Tables, functions and handlers beside documents. Every process of a deployment needs the same. @default none */
  targets?: readonly TargetDefinition[];
  /** @default 'coordinated' */
  mode?: Mode;
  /** False: everything goes by polling. @default true */
  notifications?: boolean;
  /** What becomes of the writes that a lane does not take: `bypass` commits them here, as `direct` mode does. @default 'refuse' */
  onOverload?: OnOverload;
  /** Derived rows. Every process of a deployment needs the same. @default none */
  projections?: readonly Projection[];
  /**
   * Shown in pg_stat_activity. Writers of sleeping data stores know a node by its default.
   * @default 'sluice node', with the schema behind it unless that is `sluice`
   */
  applicationName?: string;
  /** Name of the data store, where a deployment has several: an attribute of the spans of its writes. */
  store?: string | undefined;
  logger?: Logger;
  /** Is told of each write, for metrics. */
  observer?: ClientObserver;
}
