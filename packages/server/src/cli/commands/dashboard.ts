import type { AddressInfo } from 'node:net';
import { authSettings, openAuth } from '../config/auth-settings.ts';
import { dashboardAlone, openDashboard } from '../config/dashboard-settings.ts';
import { requireDatabase } from '../config/database-url.ts';
import { readModelFiles } from '../config/read-model-files.ts';
import { databaseSettings } from '../config/database-settings.ts';
import {
  basePath,
  host,
  logLevel,
  optionalModelFiles,
  port,
  referentialIdLayout,
  stopTimeoutMs,
} from '../config/settings.ts';
import { readTls, tlsSettings } from '../config/tls-settings.ts';
import { closeServer } from '../process/close-server.ts';
import { createLogger } from '../process/create-logger.ts';
import { runUntilStopped } from '../process/run-until-stopped.ts';
import { urlOf } from '../process/url-of.ts';
import { createCommand } from './command.ts';
import { addStopWithStdin } from './stop-with-stdin.ts';

/** Requests that are under way may take so long once the process is told to stop. */
const requestsMs = 5000;

export const dashboardSettings = {
  ...databaseSettings,
  model: optionalModelFiles,
  referentialIdLayout,
  host,
  port: { ...port, fallback: 8090 },
  ...tlsSettings,
  basePath,
  ...authSettings,
  dashboard: dashboardAlone,
  logLevel,
  stopTimeoutMs,
};

export const dashboardCommand = () =>
  createCommand({
    name: 'dashboard',
    summary: "serve the operators' page by itself",
    description:
      "Serves the operators' page, at /dashboard, from the database alone: it works with every node and writer down. " +
      'Nodes serve the same page on their own ports. With --model it names the documents that blocked writes await.',
    settings: dashboardSettings,
    servesStores: true,
    extend: addStopWithStdin,
    async run(values, flags) {
      const place = requireDatabase(values);
      const { auth, close: closeAuth } = await openAuth(values, place);
      const tls = readTls(values);
      const model =
        values.model === undefined ? null : await readModelFiles(values.model, values.referentialIdLayout);
      const [{ assertGuarded, listen }, { createDashboardServer }] = await Promise.all([
        import('#api'),
        import('#dashboard'),
      ]);
      assertGuarded(values.host, auth === undefined);
      const dashboard = openDashboard(values.dashboard, place, model);
      const server = createDashboardServer(dashboard.options, {
        auth,
        tls,
        basePath: values.basePath,
        logger: createLogger(values.logLevel, { process: 'dashboard' }),
      });
      await runUntilStopped(
        {
          async start() {
            await listen(server, { host: values.host, port: values.port });
            const { port } = server.server.address() as AddressInfo;
            return {
              url: `${urlOf(values.host, port, tls === undefined ? 'http' : 'https')}${values.basePath}/dashboard/`,
            };
          },
          async stop() {
            await closeServer(server, Promise.resolve(), requestsMs);
            await Promise.all([closeAuth(), dashboard.close()]);
          },
        },
        {
          name: 'Dashboard',
          isJson: flags['json'] === true,
          stopWithStdin: flags['stopWithStdin'] === true,
          stopTimeoutMs: values.stopTimeoutMs,
        },
      );
    },
  });
