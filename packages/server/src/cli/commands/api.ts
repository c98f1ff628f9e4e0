import { apiTunables, clientTunables, type OnOverload } from 'sluice/internal/protocol';
import * as z from 'zod';
import { assertAuth, authSettings } from '../config/auth-settings.ts';
import { dashboard } from '../config/dashboard-settings.ts';
import {
  databaseSettings,
  listenUrl,
  operatorPassword,
  operatorUrl,
  storeIdleMs,
} from '../config/database-settings.ts';
import { projectionModules } from '../config/projections-of.ts';
import { setting } from '../config/setting.ts';
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
import { tlsSettings } from '../config/tls-settings.ts';
import { closeServer } from '../process/close-server.ts';
import { runUntilStopped, type Service } from '../process/run-until-stopped.ts';
import { createCommand } from './command.ts';
import {
  openNode,
  placeOf,
  prepareNodes,
  type ApiValues,
  type OpenNode,
  type SharedByNodes,
} from './open-node.ts';
import { openPorts } from './open-ports.ts';
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
export const answersMs = 1000;

export const apiSettings = {
  ...databaseSettings,
  listenUrl,
  operatorUrl,
  operatorPassword,
  storeIdleMs,
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
      assertModelOrTargets(values.model, values.targets);
      const place = values.stores === undefined ? placeOf(values) : null;
      assertAuth(values);
      const shared = await prepareNodes(values);
      const service =
        place === null
          ? (await import('./serve-stores.ts')).serveStores(values, shared)
          : serveNode(values, shared, await openNode(values, shared, place));
      await runUntilStopped(service, {
        name: `API node (${values.mode})`,
        isJson: flags['json'] === true,
        stopWithStdin: flags['stopWithStdin'] === true,
        stopTimeoutMs: values.stopTimeoutMs,
      });
    },
  });

/** One node on one database, which has the port for itself. */
function serveNode(values: ApiValues, shared: SharedByNodes, node: OpenNode): Service {
  const { client, api, metrics } = node;
  const ports = openPorts(values, shared, metrics);
  return {
    async start() {
      await client.start();
      return ports.listen(api);
    },
    async stop() {
      await shared.modules.takeLeave(api, values.lingerMs);
      // Together: the server waits for the requests under way, and the client sees to it that they end.
      const stopped = client.stop();
      await closeServer(api, stopped, answersMs);
      await Promise.all([node.closeOthers(), ports.close()]);
    },
  };
}
