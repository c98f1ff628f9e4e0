import type { AddressInfo } from 'node:net';
import type { Routes } from '#api';
import type { MetricsServer } from '#metrics';
import type { ClientOptions, SluiceClient } from 'sluice/internal/client';
import {
  apiTunables,
  clientTunables,
  FailureLog,
  pickTunables,
  type OnOverload,
} from 'sluice/internal/protocol';
import type { Model } from 'sluice/model';
import * as z from 'zod';
import { operatorUrlOf, requireDatabase, withTls } from '../config/database-url.ts';
import { projectionModules, projectionsOf } from '../config/projections-of.ts';
import { profileOfFormat } from '../config/format-package.ts';
import { readModelFiles } from '../config/read-model-files.ts';
import { authSettings, openAuth } from '../config/auth-settings.ts';
import { dashboard, openDashboard } from '../config/dashboard-settings.ts';
import { setting, type Values } from '../config/setting.ts';
import { databaseSettings, listenUrl, operatorPassword, operatorUrl } from '../config/database-settings.ts';
import { listOf, tunableSettings } from '../config/setting-forms.ts';
import { assertModelOrTargets, targets } from '../config/targets-setting.ts';
import {
  basePath,
  host,
  lingerMs,
  logLevel,
  metricsHost,
  metricsPort,
  mode,
  notifications,
  optionalModelFiles,
  port,
  referentialIdLayout,
  stopTimeoutMs,
} from '../config/settings.ts';
import { readTls, tlsSettings } from '../config/tls-settings.ts';
import { closeServer } from '../process/close-server.ts';
import { createLogger } from '../process/create-logger.ts';
import { runUntilStopped, type Service } from '../process/run-until-stopped.ts';
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
  model: optionalModelFiles,
  referentialIdLayout,
  targets,
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

type ApiValues = Values<typeof apiSettings>;

/** A document may be larger in the database than it was sent: numbers are written out with every digit. */
function documentBytesMaxOf({ documentBytesMax, bodyBytesMax }: ApiValues): number {
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
    extend: addStopWithStdin,
    async run(values, flags) {
      await runUntilStopped(await nodeOf(values), {
        name: `API node (${values.mode})`,
        isJson: flags['json'] === true,
        stopWithStdin: flags['stopWithStdin'] === true,
        stopTimeoutMs: values.stopTimeoutMs,
      });
    },
  });

/** A node as its settings say. It connects at its start; only its authentication may ask other servers before. */
async function nodeOf(values: ApiValues): Promise<Service> {
  assertModelOrTargets(values.model, values.targets);
  const place = requireDatabase(values);
  const { auth, close: closeAuth } = await openAuth(values, place);
  const tls = readTls(values);
  const model = await readModelFiles(values.model, values.referentialIdLayout);
  const [{ assertGuarded, createApi, listen, takeLeave }, { createNodeMetrics, serveMetrics }] =
    await Promise.all([import('#api'), import('#metrics')]);
  // Before anything is connected or read.
  assertGuarded(values.host, auth === undefined);
  const logger = createLogger(values.logLevel, { process: 'api' });
  const metrics = createNodeMetrics({ ...place, version, mode: values.mode });
  const client = await clientOf(values, { model, logger, observer: metrics.observer });
  metrics.watch(() => client.usage());
  const page = await pageOf(values, model);
  const { metricsPort, metricsHost } = values;
  const profile = await profileOfFormat(model);
  const api = createApi({
    client,
    ...(profile === undefined ? {} : { profile }),
    logger,
    waitMs: values.waitMs,
    basePath: values.basePath,
    auth,
    tls,
    corsOrigins: values.corsOrigins,
    limits: pickTunables(apiTunables, values),
    onRequest: metrics.onRequest,
    ...(metricsPort === undefined ? { metrics } : {}),
    routes: page === null ? [] : [page.routes],
  });
  let server: MetricsServer | null = null;
  return {
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
  };
}

async function clientOf(
  values: ApiValues,
  parts: Pick<ClientOptions, 'logger' | 'observer'> & { model: Model },
): Promise<SluiceClient> {
  const place = requireDatabase(values);
  const { createClient } = await import('sluice/internal/client');
  return createClient({
    ...place,
    ...parts,
    listenUrl: values.listenUrl === undefined ? place.url : withTls(values.listenUrl, values),
    mode: values.mode,
    notifications: values.notifications,
    onOverload: values.onOverload,
    targets: values.targets,
    ...pickTunables(clientTunables, { ...values, documentBytesMax: documentBytesMaxOf(values) }),
    projections: await projectionsOf(parts.model, values.projectionModules),
  });
}

/** The operators' page; null: it is off. */
async function pageOf(
  values: ApiValues,
  model: Model,
): Promise<{ routes: Routes; close(): Promise<void> } | null> {
  if (values.dashboard === 'off') return null;
  const place = requireDatabase(values);
  const { dashboardRoutes } = await import('#dashboard');
  const { options, close } = openDashboard(
    values.dashboard,
    { ...place, url: operatorUrlOf(values) ?? place.url },
    model,
  );
  return { routes: dashboardRoutes(options), close };
}
