import { assertAuth } from '../config/auth-settings.ts';
import { assertModelOrTargets } from '../config/targets-setting.ts';
import { answersMs, closeServer } from '../process/close-server.ts';
import { runUntilStopped, type Service } from '../process/run-until-stopped.ts';
import { apiSettings, type ApiValues } from './api-settings.ts';
import { createCommand } from './command.ts';
import { openNode, placeOf, prepareNodes, type OpenNode, type SharedByNodes } from './open-node.ts';
import { openPorts } from './open-ports.ts';
import { addStopWithStdin } from './stop-with-stdin.ts';

export const apiCommand = () =>
  createCommand({
    name: 'api',
    summary: 'run one API node',
    description:
      'Runs one API node. The database must be migrated. On SIGTERM or SIGINT the node is no longer ready, answers the requests ' +
      'on open connections, closes each connection with its answer, and exits with 0. A second signal ends it immediately.',
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

/** One node on one database, with its own port. */
function serveNode(values: ApiValues, shared: SharedByNodes, node: OpenNode): Service {
  const { client, api, metrics } = node;
  const ports = openPorts(values, shared, metrics);
  return {
    async start() {
      await client.start();
      return ports.listen(api);
    },
    async stop() {
      await shared.modules.closeConnections(api, values.lingerMs);
      // Both together: the server waits for the requests under way, and the client ends them.
      const stopped = client.stop();
      await closeServer(api, stopped, answersMs);
      await Promise.all([node.closeOthers(), ports.close()]);
    },
  };
}
