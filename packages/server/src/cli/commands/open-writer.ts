/** One writer on one database, with its metrics. A process has one, or one for each open store. */
import type { WriterMetrics } from '#metrics';
import type { Projection } from 'sluice/internal/batch';
import { GatheringTrial, pickTunables, ServerPlaces, writerTunables } from 'sluice/internal/protocol';
import { serverOf } from 'sluice/internal/store';
import type { Writer } from 'sluice/internal/writer';
import type { Model } from 'sluice/model';
import type { Logger } from 'pino';
import { requireDatabase, withTls, type DatabasePlace } from '../config/database-url.ts';
import { projectionsOf } from '../config/projections-of.ts';
import { readModelFiles } from '../config/read-model-files.ts';
import { createLogger } from '../process/create-logger.ts';
import { version } from '../process/version.ts';
import type { WriterValues } from './writer-settings.ts';

/** The database of a writer. */
export interface WriterPlace extends DatabasePlace {
  listenUrl: string;
  /** Name of the data store, if there are several. */
  store?: string;
}

/** What all writers of a process share. */
export interface SharedByWriters {
  model: Model;
  projections: Projection[];
  logger: Logger;
  /** Of all data stores; `undefined`: the process has one store. */
  gatheringTrial: GatheringTrial | undefined;
  /** Of all data stores; `undefined`: the process has one store. */
  serverPlaces: ServerPlaces | undefined;
  modules: Awaited<ReturnType<typeof loadModules>>;
}

export interface OpenWriter {
  writer: Writer;
  /** Null: the settings have no port for metrics. */
  metrics: WriterMetrics | null;
}

/** @throws {SluiceError} `configuration_invalid` */
export function placeOf(values: WriterValues): WriterPlace {
  const place = requireDatabase(values);
  return {
    ...place,
    listenUrl: values.listenUrl === undefined ? place.url : withTls(values.listenUrl, values),
  };
}

async function loadModules() {
  const [writer, metrics] = await Promise.all([import('sluice/internal/writer'), import('#metrics')]);
  return { ...writer, ...metrics };
}

/** @throws {SluiceError} `configuration_invalid`, before anything connects */
export async function prepareWriters(values: WriterValues): Promise<SharedByWriters> {
  const model = await readModelFiles(values.model, values.referentialIdLayout);
  const modules = await loadModules();
  const logger = createLogger(values.logLevel, { process: 'writer' });
  const projections = await projectionsOf(model, values.projectionModules);
  const ofStores =
    values.stores === undefined
      ? { gatheringTrial: undefined, serverPlaces: undefined }
      : { gatheringTrial: new GatheringTrial(), serverPlaces: new ServerPlaces() };
  return { model, projections, logger, ...ofStores, modules };
}

/** Does not connect yet. */
export function openWriter(
  values: WriterValues,
  { model, projections, logger, gatheringTrial, serverPlaces, modules }: SharedByWriters,
  { listenUrl, store, ...place }: WriterPlace,
): OpenWriter {
  const metrics =
    values.metricsPort === undefined ? null : modules.createWriterMetrics({ ...place, version, store });
  const writer = modules.createWriter({
    ...place,
    listenUrl,
    model,
    ownership: values.ownership,
    spread: values.spread,
    notifications: values.notifications,
    ...pickTunables(writerTunables, values),
    targets: values.targets,
    projections,
    logger,
    gatheringTrial,
    batchPlaces: serverPlaces?.of(serverOf(place.url).server),
    ...(metrics === null ? {} : { observer: metrics.observer }),
  });
  metrics?.watch(() => writer.status());
  return { writer, metrics };
}
