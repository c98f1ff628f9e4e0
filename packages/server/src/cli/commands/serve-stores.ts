/** A node with many data stores: one port, and a node of its own for each store in use. */
import { takesTokens } from '../config/auth-settings.ts';
import { answersMs, closeServer } from '../process/close-server.ts';
import type { Service } from '../process/run-until-stopped.ts';
import { version } from '../process/version.ts';
import { StoreHost } from '../stores/store-host.ts';
import { storeOf } from '../stores/store-of.ts';
import type { Opened } from '../stores/store-slot.ts';
import { readStores, type Store } from '../stores/stores-file.ts';
import type { ApiValues } from './api-settings.ts';
import { openNode, type OpenNode, type SharedByNodes } from './open-node.ts';
import { openPorts } from './open-ports.ts';

interface OpenStore extends Opened, OpenNode {}

/** @throws {SluiceError} `configuration_invalid` if the stores file cannot be used */
export function serveStores(values: ApiValues, shared: SharedByNodes): Service {
  const { databaseCa: ca, databaseCert: cert, databaseKey: key, basePath, auth, metricsPort } = values;
  const { modules, logger, tls } = shared;
  const host = new StoreHost<OpenStore>({
    file: values.stores ?? '',
    readStores: () => readStores(values.stores ?? '', { tls: { ca, cert, key } }),
    open: (store, log) => openStore(values, { ...shared, logger: log }, store),
    idleMs: values.storeIdleMs,
    openMax: values.storesOpenMax,
    holdsMoving: true,
    logger,
  });
  const metrics = modules.createStoresMetrics(
    { version, process: 'api', mode: values.mode },
    { opened: () => host.opened.map((store) => store.metrics), states: () => host.counts },
  );
  const isUnasked = auth === undefined || auth === 'none';
  const claim = takesTokens(values) ? values.jwtStoreClaim : null;
  const front = modules.createFront({
    ...host.front,
    auth: auth === undefined ? undefined : 'none',
    corsOrigins: values.corsOrigins,
    logger,
    tls,
    basePath,
    limits: shared.limits,
    storeOf: (request) => storeOf(request, { stores: host.stores, basePath, claim }),
    async open(name, kind, response) {
      const { value, release } = await host.use(name, kind, response);
      return { app: value.api, release };
    },
    picker: values.dashboard === 'off' ? 'none' : isUnasked ? 'names' : 'form',
    // The front of the stores has no authentication.
    metrics: isUnasked && metricsPort === undefined ? metrics : undefined,
  });
  const ports = openPorts(values, shared, metrics);
  return {
    start: () => ports.listen(front),
    reload: () => host.reload(),
    async stop() {
      await modules.closeConnections(front, values.lingerMs);
      await closeServer(front, host.close(), answersMs);
      await ports.close();
    },
  };
}

async function openStore(values: ApiValues, shared: SharedByNodes, store: Store): Promise<OpenStore> {
  const { name, url, schema, listenUrl, operatorUrl, hosts } = store;
  const node = await openNode(values, shared, { url, schema, listenUrl, operatorUrl, store: name, hosts });
  const { client, api } = node;
  const close = async (): Promise<void> => {
    await client.stop();
    await Promise.all([api.close(), node.closeOthers()]);
  };
  try {
    await Promise.all([client.start(), api.ready()]);
  } catch (error) {
    await close();
    throw error;
  }
  return { ...node, close, isBusy: () => client.usage().waiting > 0 };
}
