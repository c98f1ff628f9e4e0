import type { AddressInfo } from 'node:net';
import type { MetricsServer } from '#metrics';
import {
  apiTunables,
  clientTunables,
  FailureLog,
  pickTunables,
  type OnOverload,
} from 'sluice/internal/protocol';
import * as z from 'zod';
import { operatorUrlOf, requireDatabase, withTls } from '../config/database-url.ts';
import { projectionModules, projectionsOf } from '../config/projections-of.ts';
import { readModelFiles } from '../config/read-model-files.ts';
import { authSettings, openAuth } from '../config/auth-settings.ts';
import { dashboard, openDashboard } from '../config/dashboard-settings.ts';
import { setting, type Values } from '../config/setting.ts';
import { databaseSettings, listenUrl, operatorPassword, operatorUrl } from '../config/database-settings.ts';
import { listOf, tunableSettings } from '../config/setting-forms.ts';
import {
  basePath,
  host,
  lingerMs,
  logLevel,
  metricsHost,
  metricsPort,
  mode,
  modelFiles,
  notifications,
  port,
  referentialIdLayout,
  stopTimeoutMs,
} from '../config/settings.ts';
import { readTls, tlsSettings } from '../config/tls-settings.ts';
import { closeServer } from '../process/close-server.ts';
import { createLogger } from '../process/create-logger.ts';
import { runUntilStopped } from '../process/run-until-stopped.ts';
import { urlOf } from '../process/url-of.ts';
import { version } from '../process/version.ts';
import { createCommand } from './command.ts';
import { addStopWithStdin } from './stop-with-stdin.ts';

const onOverload = setting<OnOverload>({
  flags: '--on-overload <how>',
  variables: ['SLUICE_ON_OVERLOAD'],
  description:
    'what becomes of writes that a lane does not take: refuse answers 503, bypass commits them without the intake',
  form: 'refuse or bypass',
  schema: z.enum(['refuse', 'bypass']),
  fallback: 'refuse',
});

const corsOrigins = setting<string[]>({
  flags: '--cors-origin <origin>',
  variables: ['SLUICE_CORS_ORIGIN'],
  description:
    'origin whose pages may use this node from a browser, e.g. https://app.example.org; repeat it for others (the variable takes commas)',
  form: 'an origin: scheme, host and port, without a path',
  schema: listOf(z.string().regex(/^https?:\/\/[\w.-]+(?::\d+)?$|^https?:\/\/\[[\da-f:]+\](?::\d+)?$/i)),
  fallback: [],
  isList: true,
});

/** Once the client has stopped, answers may take so long to be sent. */
const answersMs = 1000;

export const apiSettings = {
  ...databaseSettings,
  listenUrl,
  operatorUrl,
  operatorPassword,
  model: modelFiles,
  referentialIdLayout,
  projectionModules,
  mode,
  notifications,
  ...tunableSettings(clientTunables),
  onOverload,
  lingerMs,
  host,
  port,
  ...tlsSettings,
  basePath,
  ...authSettings,
  corsOrigins,
  dashboard,
  ...tunableSettings(apiTunables),
  metricsPort,
  metricsHost,
  logLevel,
  stopTimeoutMs,
};

/** A document may be larger in the database than it was sent: numbers are written out with every digit. */
function documentBytesMaxOf({ documentBytesMax, bodyBytesMax }: Values<typeof apiSettings>): number {
  return Math.max(documentBytesMax, Math.min(2 * bodyBytesMax, clientTunables.documentBytesMax.to));
}

export const apiCommand = () =>
  createCommand({
    name: 'api',
    summary: 'run one API node',
    description:
      'Runs one API node. The database must be migrated. SIGTERM or SIGINT: it is not ready any more, answers what still ' +
      'comes on open connections and closes each with that answer, and ends with 0; a second signal ends it at once.',
    settings: apiSettings,
    servesStores: true,
    extend: addStopWithStdin,
    async run(values, flags) {
      const { mode } = values;
      const place = requireDatabase(values);
      const { auth, close: closeAuth } = await openAuth(values, place);
      const operatorUrl = operatorUrlOf(values) ?? place.url;
      const tls = readTls(values);
      const model = await readModelFiles(values.model, values.referentialIdLayout);
      const [
        { createClient },
        { assertGuarded, createApi, listen, takeLeave },
        { createNodeMetrics, serveMetrics },
        { dashboardRoutes },
      ] = await Promise.all([
        import('sluice/internal/client'),
        import('#api'),
        import('#metrics'),
        import('#dashboard'),
      ]);
      // Before anything is connected or read.
      assertGuarded(values.host, auth === undefined);
      const logger = createLogger(values.logLevel, { process: 'api' });
      const metrics = createNodeMetrics({ ...place, version, mode });
      const client = createClient({
        ...place,
        listenUrl: values.listenUrl === undefined ? place.url : withTls(values.listenUrl, values),
        model,
        mode,
        notifications: values.notifications,
        onOverload: values.onOverload,
        ...pickTunables(clientTunables, { ...values, documentBytesMax: documentBytesMaxOf(values) }),
        projections: await projectionsOf(model, values.projectionModules),
        logger,
        observer: metrics.observer,
      });
      metrics.watch(() => client.usage());
      const page =
        values.dashboard === 'off'
          ? null
          : openDashboard(values.dashboard, { ...place, url: operatorUrl }, model);
      const { metricsPort, metricsHost } = values;
      const api = createApi({
        client,
        logger,
        waitMs: values.waitMs,
        basePath: values.basePath,
        auth,
        tls,
        corsOrigins: values.corsOrigins,
        limits: pickTunables(apiTunables, values),
        onRequest: metrics.onRequest,
        ...(metricsPort === undefined ? { metrics } : {}),
        routes: page === null ? [] : [dashboardRoutes(page.options)],
      });
      let server: MetricsServer | null = null;
      await runUntilStopped(
        {
          async start() {
            await client.start();
            await listen(api, { host: values.host, port: values.port });
            const { port } = api.server.address() as AddressInfo;
            const url = urlOf(values.host, port, tls === undefined ? 'http' : 'https');
            if (metricsPort === undefined) return { url };
            const failures = new FailureLog(logger);
            const onError = (error: unknown): void => failures.note(error, 'tell metrics');
            server = await serveMetrics(metrics, { host: metricsHost, port: metricsPort, onError });
            return { url, metricsUrl: urlOf(metricsHost, server.port) };
          },
          async stop() {
            await takeLeave(api, values.lingerMs);
            // Together: the server waits for the requests under way, and the client sees to it that they end.
            const stopped = client.stop();
            await closeServer(api, stopped, answersMs);
            await Promise.all([closeAuth(), page?.close(), server?.close(), metrics.close()]);
          },
        },
        {
          name: `API node (${mode})`,
          isJson: flags['json'] === true,
          stopWithStdin: flags['stopWithStdin'] === true,
          stopTimeoutMs: values.stopTimeoutMs,
        },
      );
    },
  });
