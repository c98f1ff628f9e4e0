import type { AddressInfo } from 'node:net';
import type { MetricsServer } from '@sluice/metrics';
import { defaults, FailureLog, type OnOverload } from '@sluice/protocol';
import * as z from 'zod';
import { operatorUrlOf, requireDatabase, withTls } from '../config/database-url.ts';
import {
  blockedWritesMax,
  documentBytesMaxOf,
  documentSettings,
  limitSettings,
  limitsOf,
} from '../config/limit-settings.ts';
import { projectionModules, projectionsOf } from '../config/projections-of.ts';
import { readModelFiles } from '../config/read-model-files.ts';
import { authSettings, openAuth } from '../config/auth-settings.ts';
import { dashboard, openDashboard } from '../config/dashboard-settings.ts';
import { setting } from '../config/setting.ts';
import {
  basePath,
  cascadeDocumentsMax,
  databaseSettings,
  host,
  lanes,
  listenUrl,
  listOf,
  logLevel,
  metricsHost,
  metricsPort,
  mode,
  modelFiles,
  notifications,
  numberSetting,
  operatorPassword,
  operatorUrl,
  pollIntervalMs,
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

const waitMs = numberSetting(
  '--wait-ms <ms>',
  ['SLUICE_WAIT_MS'],
  'how long a request waits for its outcome before its write is cancelled',
  { from: 1, to: 600_000, fallback: defaults.waitMs },
);

const waitingWritesMax = numberSetting(
  '--waiting-writes-max <number>',
  ['SLUICE_WAITING_WRITES_MAX'],
  'writes that may wait on this node; the next one is refused as overloaded',
  { from: 1, to: 1_000_000, fallback: defaults.waitingWritesMax },
);

const highWaterWrites = numberSetting(
  '--high-water-writes <number>',
  ['SLUICE_HIGH_WATER_WRITES'],
  'arrivals since the oldest write that waits its turn in a lane, from which on the lane takes no more',
  { from: 1, to: 1_000_000_000, fallback: defaults.highWaterWrites },
);

const highWaterMs = numberSetting(
  '--high-water-ms <ms>',
  ['SLUICE_HIGH_WATER_MS'],
  'age of that write from which on the lane takes no more',
  { from: 1, to: 86_400_000, fallback: defaults.highWaterMs },
);

const leaderGraceMs = numberSetting(
  '--leader-grace-ms <ms>',
  ['SLUICE_LEADER_GRACE_MS'],
  'how long a lane may be without a leader before its writes are refused',
  { from: 0, to: 600_000, fallback: defaults.leaderGraceMs },
);

const onOverload = setting<OnOverload>({
  flags: '--on-overload <how>',
  variables: ['SLUICE_ON_OVERLOAD'],
  description:
    'what becomes of writes that a lane does not take: refuse answers 503, bypass commits them without the intake',
  form: 'refuse or bypass',
  schema: z.enum(['refuse', 'bypass']),
  fallback: 'refuse',
});

const fastPathWritesMax = numberSetting(
  '--fast-path-writes-max <number>',
  ['SLUICE_FAST_PATH_WRITES_MAX'],
  'so many writes at once, or fewer, are settled by an idle node itself, if its database role may; 0 leaves all to the writers',
  { from: 0, to: 512, fallback: defaults.fastPathWritesMax },
);

const drainMs = numberSetting(
  '--drain-ms <ms>',
  ['SLUICE_DRAIN_MS'],
  'how long writes may still wait once the process is told to stop; those left are cancelled, definitely',
  { from: 0, to: 600_000, fallback: defaults.drainMs },
);

const lingerMs = numberSetting(
  '--linger-ms <ms>',
  ['SLUICE_LINGER_MS'],
  'how long a client may still use a connection that it keeps open, once the process is told to stop: one request, whose answer says that it was the last',
  { from: 0, to: 600_000, fallback: 1000 },
);

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

export const apiCommand = () =>
  createCommand({
    name: 'api',
    summary: 'run one API node',
    description:
      'Runs one API node. The database must be migrated. SIGTERM or SIGINT: it is not ready any more, answers what still ' +
      'comes on open connections and closes each with that answer, and ends with 0; a second signal ends it at once.',
    settings: {
      ...databaseSettings,
      listenUrl,
      operatorUrl,
      operatorPassword,
      modelFiles,
      referentialIdLayout,
      projectionModules,
      mode,
      lanes,
      notifications,
      pollIntervalMs,
      cascadeDocumentsMax,
      waitMs,
      waitingWritesMax,
      highWaterWrites,
      highWaterMs,
      leaderGraceMs,
      onOverload,
      fastPathWritesMax,
      lingerMs,
      drainMs,
      host,
      port,
      ...tlsSettings,
      basePath,
      ...authSettings,
      corsOrigins,
      dashboard,
      ...limitSettings,
      ...documentSettings,
      blockedWritesMax,
      metricsPort,
      metricsHost,
      logLevel,
      stopTimeoutMs,
    },
    extend: addStopWithStdin,
    async run(values, flags) {
      const { lanes, mode, notifications, pollIntervalMs, waitMs, waitingWritesMax } = values;
      const place = requireDatabase(values);
      const { auth, close: closeAuth } = await openAuth(values, place);
      const operatorUrl = operatorUrlOf(values) ?? place.url;
      const tls = readTls(values);
      const model = await readModelFiles(values.modelFiles, values.referentialIdLayout);
      const [
        { createClient },
        { assertGuarded, createApi, listen, takeLeave },
        { createNodeMetrics, serveMetrics },
        { dashboardRoutes },
      ] = await Promise.all([
        import('@sluice/client'),
        import('@sluice/api'),
        import('@sluice/metrics'),
        import('@sluice/dashboard'),
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
        lanes,
        notifications,
        pollIntervalMs,
        waitMs,
        waitingWritesMax,
        documentBytesMax: documentBytesMaxOf(values),
        pageBytesMax: values.pageBytesMax,
        blockedWritesMax: values.blockedWritesMax,
        highWaterWrites: values.highWaterWrites,
        highWaterMs: values.highWaterMs,
        leaderGraceMs: values.leaderGraceMs,
        onOverload: values.onOverload,
        fastPathWritesMax: values.fastPathWritesMax,
        drainMs: values.drainMs,
        projections: await projectionsOf(model, values.projectionModules),
        cascadeDocumentsMax: values.cascadeDocumentsMax,
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
        waitMs,
        basePath: values.basePath,
        auth,
        tls,
        corsOrigins: values.corsOrigins,
        limits: limitsOf(values),
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
