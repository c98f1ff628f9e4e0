/** The operators' pages of many data stores behind one port: each store has its own, which opens for its first visitor. */
import type { AddressInfo } from 'node:net';
import type { HttpServer } from '#api';
import { openAuth, takesTokens } from '../config/auth-settings.ts';
import { openDashboard } from '../config/dashboard-settings.ts';
import { closeServer } from '../process/close-server.ts';
import { listenAt, ownOptions } from '../process/listen-at.ts';
import type { Service } from '../process/run-until-stopped.ts';
import { urlOf } from '../process/url-of.ts';
import { StoreHost } from '../stores/store-host.ts';
import { storeOf } from '../stores/store-of.ts';
import type { Opened } from '../stores/store-slot.ts';
import { readStores, type Store } from '../stores/stores-file.ts';
import { requestsMs, type PagesOptions } from './page-settings.ts';

interface OpenPage extends Opened {
  app: HttpServer;
}

/** @throws {SluiceError} `configuration_invalid` if the stores file cannot be used */
export async function servePages(options: PagesOptions): Promise<Service> {
  const { values, tls, logger } = options;
  const { databaseCa: ca, databaseCert: cert, databaseKey: key, basePath, auth } = values;
  const { createFront, listen } = await import('#api');
  const host = new StoreHost<OpenPage>({
    file: values.stores ?? '',
    readStores: () => readStores(values.stores ?? '', { tls: { ca, cert, key } }),
    open: (store, log) => openPage({ ...options, logger: log }, store),
    idleMs: values.storeIdleMs,
    openMax: values.storesOpenMax,
    logger,
  });
  const claim = takesTokens(values) ? values.jwtStoreClaim : null;
  const front = createFront({
    ...host.front,
    auth: auth === undefined ? undefined : 'none',
    logger,
    tls,
    basePath,
    storeOf: (request) => storeOf(request, { stores: host.stores, basePath, claim }),
    async open(name, kind, response) {
      const { value, release } = await host.use(name, kind, response);
      return { app: value.app, release };
    },
    picker: auth === undefined || auth === 'none' ? 'names' : 'form',
  });
  return {
    async start() {
      await listenAt(values, ownOptions, () => listen(front, { host: values.host, port: values.port }));
      const { port } = front.server.address() as AddressInfo;
      return {
        url: `${urlOf(values.host, port, tls === undefined ? 'http' : 'https')}${basePath}/dashboard/`,
      };
    },
    reload: () => host.reload(),
    async stop() {
      await closeServer(front, host.close(), requestsMs);
    },
  };
}

async function openPage({ values, model, tls, logger }: PagesOptions, store: Store): Promise<OpenPage> {
  const { name, schema, operatorUrl: url, hosts } = store;
  const { createDashboardServer } = await import('#dashboard');
  const { auth, close: closeAuth } = await openAuth(values, { url, schema }, name);
  const page = openDashboard(values.dashboard, { url, schema, store: name, hosts }, model);
  const basePath = `${values.basePath}/${name}`;
  const app = createDashboardServer(page.options, { auth, tls, basePath, logger });
  await app.ready();
  return {
    app,
    isBusy: () => false,
    close: async () => void (await Promise.all([app.close(), closeAuth(), page.close()])),
  };
}
