/** One node on one database: its client, its routes, its page and its metrics. A process has one, or one for each open store. */
import type { ApiLimits, HttpServer } from '#api';
import type { NodeMetrics } from '#metrics';
import type { Projection } from 'sluice/internal/batch';
import type { SluiceClient } from 'sluice/internal/client';
import {
  apiTunables,
  clientTunables,
  GatheringTrial,
  pickTunables,
  ServerPlaces,
} from 'sluice/internal/protocol';
import { serverOf } from 'sluice/internal/store';
import type { Model } from 'sluice/model';
import type { Logger } from 'pino';
import { openAuth } from '../config/auth-settings.ts';
import { openDashboard } from '../config/dashboard-settings.ts';
import { operatorUrlOf, requireDatabase, withTls, type DatabasePlace } from '../config/database-url.ts';
import { profileOfFormat } from '../config/format-package.ts';
import { projectionsOf } from '../config/projections-of.ts';
import { readModelFiles } from '../config/read-model-files.ts';
import { readTls } from '../config/tls-settings.ts';
import { createLogger } from '../process/create-logger.ts';
import { version } from '../process/version.ts';
import type { ApiValues } from './api-settings.ts';

/** The database of a node. */
export interface NodePlace extends DatabasePlace {
  listenUrl: string;
  operatorUrl: string;
  /** Name of the data store, if there are several: the first part of every path. */
  store?: string;
  /** Host names of the data store. */
  hosts?: readonly string[];
}

/** What all nodes of a process share. */
export interface SharedByNodes {
  model: Model;
  projections: Projection[];
  tls: { cert: string; key: string } | undefined;
  logger: Logger;
  limits: ApiLimits;
  /** Of all data stores; `undefined`: the process has one store. */
  gatheringTrial: GatheringTrial | undefined;
  /** Of all data stores; `undefined`: the process has one store. */
  serverPlaces: ServerPlaces | undefined;
  modules: NodeModules;
}

export type NodeModules = Awaited<ReturnType<typeof loadModules>>;

export interface OpenNode {
  client: SluiceClient;
  api: HttpServer;
  metrics: NodeMetrics;
  /** Closes the rest, after client and routes. */
  closeOthers(): Promise<void>;
}

/** @throws {SluiceError} `configuration_invalid` */
export function placeOf(values: ApiValues): NodePlace {
  const place = requireDatabase(values);
  const listenUrl = values.listenUrl === undefined ? place.url : withTls(values.listenUrl, values);
  return { ...place, listenUrl, operatorUrl: operatorUrlOf(values) ?? place.url };
}

async function loadModules() {
  const [client, api, metrics, dashboard] = await Promise.all([
    import('sluice/internal/client'),
    import('#api'),
    import('#metrics'),
    import('#dashboard'),
  ]);
  return { ...client, ...api, ...metrics, ...dashboard };
}

/** @throws {SluiceError} `configuration_invalid`, before anything connects */
export async function prepareNodes(values: ApiValues): Promise<SharedByNodes> {
  const tls = readTls(values);
  const model = await readModelFiles(values.model, values.referentialIdLayout);
  const modules = await loadModules();
  modules.assertGuarded(values.host, values.auth === undefined);
  const projections = await projectionsOf(model, values.projectionModules);
  const limits = pickTunables(apiTunables, values) as ApiLimits;
  const logger = createLogger(values.logLevel, { process: 'api' });
  const ofStores =
    values.stores === undefined
      ? { gatheringTrial: undefined, serverPlaces: undefined }
      : { gatheringTrial: new GatheringTrial(), serverPlaces: new ServerPlaces() };
  return { model, projections, tls, logger, limits, ...ofStores, modules };
}

/** Does not connect yet. @throws {SluiceError} `configuration_invalid` */
export async function openNode(
  values: ApiValues,
  { model, projections, tls, logger, limits, gatheringTrial, serverPlaces, modules }: SharedByNodes,
  { listenUrl, operatorUrl, store, hosts = [], ...place }: NodePlace,
): Promise<OpenNode> {
  const { mode } = values;
  const { auth, close: closeAuth } = await openAuth(values, place, store);
  const metrics = modules.createNodeMetrics({ ...place, version, mode, store });
  const client = modules.createClient({
    ...place,
    listenUrl,
    model,
    mode,
    notifications: values.notifications,
    onOverload: values.onOverload,
    targets: values.targets,
    ...pickTunables(clientTunables, { ...values, documentBytesMax: documentBytesMaxOf(values) }),
    projections,
    store,
    logger,
    gatheringTrial,
    batchPlaces: serverPlaces?.of(serverOf(place.url).server),
    observer: metrics.observer,
  });
  metrics.watch(() => client.usage());
  const page =
    values.dashboard === 'off'
      ? null
      : openDashboard(values.dashboard, { ...place, url: operatorUrl, store, hosts }, model);
  const prefix = store === undefined ? '' : `/${store}`;
  const profile = await profileOfFormat(model);
  const api = modules.createApi({
    client,
    ...(profile === undefined ? {} : { profile }),
    logger,
    waitMs: values.waitMs,
    basePath: `${values.basePath}${prefix}`,
    publicUrl: values.publicUrl,
    hosts,
    auth,
    tls,
    corsOrigins: values.corsOrigins,
    limits,
    // The label of the store already distinguishes its routes.
    onRequest: (method, route, ...others) =>
      metrics.onRequest(
        method,
        route.replace(`${values.basePath}${prefix}/`, `${values.basePath}/`),
        ...others,
      ),
    ...(values.metricsPort === undefined && store === undefined ? { metrics } : {}),
    routes: page === null ? [] : [modules.dashboardRoutes(page.options)],
  });
  return {
    client,
    api,
    metrics,
    closeOthers: async () => void (await Promise.all([closeAuth(), page?.close(), metrics.close()])),
  };
}

/** A document may be larger in the database than it was sent, because numbers are written with every digit. */
function documentBytesMaxOf({ documentBytesMax, bodyBytesMax }: ApiValues): number {
  return Math.max(documentBytesMax, Math.min(2 * bodyBytesMax, clientTunables.documentBytesMax.to));
}
