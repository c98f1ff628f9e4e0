/** A writer of many data stores: it leads lanes only of stores that nodes have open, or in which writes wait. */
import type { Service } from '../process/run-until-stopped.ts';
import { version } from '../process/version.ts';
import { hasWork } from '../stores/server-watch.ts';
import { StoreHost } from '../stores/store-host.ts';
import type { Opened } from '../stores/store-slot.ts';
import { readStores, type Store } from '../stores/stores-file.ts';
import { Watches } from '../stores/watches.ts';
import { metricsPortOf } from './open-ports.ts';
import { openWriter, type OpenWriter, type SharedByWriters } from './open-writer.ts';
import type { WriterValues } from './writer-settings.ts';

interface LedStore extends Opened, OpenWriter {}

/** @throws {SluiceError} `configuration_invalid` if the stores file cannot be used */
export function leadStores(values: WriterValues, shared: SharedByWriters): Service {
  const { databaseCa: ca, databaseCert: cert, databaseKey: key } = values;
  const { logger, modules } = shared;
  /** Stores that an operator has drained this writer of, until the file is read again. */
  const drained = new Set<string>();
  const host: StoreHost<LedStore> = new StoreHost({
    file: values.stores ?? '',
    readStores: () => readStores(values.stores ?? '', { tls: { ca, cert, key } }),
    open: (store, log) => leadStore(values, { ...shared, logger: log }, store, () => drained.add(store.name)),
    idleMs: values.storeIdleMs,
    openMax: values.storesOpenMax,
    logger,
    onReload() {
      drained.clear();
      void watches.stop();
      watches = new Watches(host, logger, drained);
      watches.start();
    },
  });
  const metrics = modules.createStoresMetrics(
    { version, process: 'writer', mode: 'coordinated' },
    {
      opened: () => host.opened.flatMap((store) => store.metrics ?? []),
      states: () => host.counts,
    },
  );
  const port = metricsPortOf(values, metrics, logger);
  let watches = new Watches(host, logger, drained);
  return {
    async start() {
      watches.start();
      return port.open();
    },
    reload: () => host.reload(),
    async stop() {
      await watches.stop();
      await host.close();
      await port.close();
    },
  };
}

async function leadStore(
  values: WriterValues,
  shared: SharedByWriters,
  store: Store,
  onDrained: () => void,
): Promise<LedStore> {
  const { name, url, schema, listenUrl } = store;
  const opened = openWriter(values, shared, { url, schema, listenUrl, store: name });
  const { writer, metrics } = opened;
  const close = async (): Promise<void> => {
    await writer.stop();
    await metrics?.close();
  };
  try {
    await writer.start();
  } catch (error) {
    await close();
    throw error;
  }
  void writer.drained.then(onDrained);
  return { ...opened, close, isBusy: () => hasWork(store) };
}
