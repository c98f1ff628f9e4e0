import type { AddressInfo } from 'node:net';
import { assertAuth, openAuth } from '../config/auth-settings.ts';
import { openDashboard } from '../config/dashboard-settings.ts';
import { requireDatabase, type DatabasePlace } from '../config/database-url.ts';
import { readModelFiles } from '../config/read-model-files.ts';
import { readTls } from '../config/tls-settings.ts';
import { closeServer } from '../process/close-server.ts';
import { createLogger } from '../process/create-logger.ts';
import { listenAt, ownOptions } from '../process/listen-at.ts';
import { runUntilStopped, type Service } from '../process/run-until-stopped.ts';
import { urlOf } from '../process/url-of.ts';
import { createCommand } from './command.ts';
import { dashboardSettings, requestsMs, type PagesOptions } from './page-settings.ts';
import { addStopWithStdin } from './stop-with-stdin.ts';

export const dashboardCommand = () =>
  createCommand({
    name: 'dashboard',
    summary: "serve the operators' page without a node",
    description:
      "Serves the operators' page at /dashboard. It reads only the database, so it works when every node and writer is down. " +
      'Nodes serve the same page on their own ports. With --model it names the documents that blocked writes wait for.',
    settings: dashboardSettings,
    servesStores: true,
    extend: addStopWithStdin,
    async run(values, flags) {
      const place = values.stores === undefined ? requireDatabase(values) : null;
      assertAuth(values);
      const tls = readTls(values);
      const model =
        values.model === undefined ? null : await readModelFiles(values.model, values.referentialIdLayout);
      const { assertGuarded } = await import('#api');
      assertGuarded(values.host, values.auth === undefined);
      const logger = createLogger(values.logLevel, { process: 'dashboard' });
      const options = { values, model, tls, logger };
      const service =
        place === null
          ? await (await import('./serve-pages.ts')).servePages(options)
          : await servePage(options, place);
      await runUntilStopped(service, {
        name: 'Dashboard',
        isJson: flags['json'] === true,
        stopWithStdin: flags['stopWithStdin'] === true,
        stopTimeoutMs: values.stopTimeoutMs,
      });
    },
  });

/** The page of one database. */
async function servePage(
  { values, model, tls, logger }: PagesOptions,
  place: DatabasePlace,
): Promise<Service> {
  const [{ listen }, { createDashboardServer }] = await Promise.all([import('#api'), import('#dashboard')]);
  const { auth, close: closeAuth } = await openAuth(values, place);
  const dashboard = openDashboard(values.dashboard, place, model);
  const { basePath } = values;
  const server = createDashboardServer(dashboard.options, { auth, tls, basePath, logger });
  return {
    async start() {
      await listenAt(values, ownOptions, () => listen(server, { host: values.host, port: values.port }));
      const { port } = server.server.address() as AddressInfo;
      return {
        url: `${urlOf(values.host, port, tls === undefined ? 'http' : 'https')}${basePath}/dashboard/`,
      };
    },
    async stop() {
      await closeServer(server, Promise.resolve(), requestsMs);
      await Promise.all([closeAuth(), dashboard.close()]);
    },
  };
}
