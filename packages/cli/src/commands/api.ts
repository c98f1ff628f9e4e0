import type { AddressInfo } from 'node:net';
import { defaults } from '@sluice/protocol';
import * as z from 'zod';
import { requireDatabaseUrl } from '../config/database-url.ts';
import { projectionsOf } from '../config/projections-of.ts';
import { readModelFiles } from '../config/read-model-files.ts';
import { setting } from '../config/setting.ts';
import {
  cascadeDocumentsMax,
  databaseUrl,
  host,
  lanes,
  listenUrl,
  logLevel,
  mode,
  modelFiles,
  notifications,
  numberSetting,
  pollIntervalMs,
  port,
  referentialIdLayout,
  stopTimeoutMs,
} from '../config/settings.ts';
import { createLogger } from '../process/create-logger.ts';
import { runUntilStopped } from '../process/run-until-stopped.ts';
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

const basePath = setting<string>({
  flags: '--base-path <path>',
  variables: ['SLUICE_BASE_PATH'],
  description: 'what stands before every path, for example /api',
  form: 'empty, or a path that begins with a slash and ends without one',
  schema: z.string().regex(/^(\/[\w.~-]+)*$/),
  fallback: '',
});

export const apiCommand = () =>
  createCommand({
    name: 'api',
    summary: 'run one API node',
    description:
      'Runs one API node. The database must be migrated. SIGTERM or SIGINT: it takes no more connections, answers the ' +
      'requests under way, and ends with 0; a second signal ends it at once.',
    settings: {
      databaseUrl,
      listenUrl,
      modelFiles,
      referentialIdLayout,
      mode,
      lanes,
      notifications,
      pollIntervalMs,
      cascadeDocumentsMax,
      waitMs,
      waitingWritesMax,
      host,
      port,
      basePath,
      logLevel,
      stopTimeoutMs,
    },
    extend: addStopWithStdin,
    async run(values, flags) {
      const { lanes, mode, notifications, pollIntervalMs, waitMs, waitingWritesMax } = values;
      const url = requireDatabaseUrl(values.databaseUrl);
      const model = await readModelFiles(values.modelFiles, values.referentialIdLayout);
      const [{ createClient }, { createApi }] = await Promise.all([
        import('@sluice/client'),
        import('@sluice/api'),
      ]);
      const logger = createLogger(values.logLevel, { process: 'api' });
      const client = createClient({
        url,
        listenUrl: values.listenUrl ?? url,
        model,
        mode,
        lanes,
        notifications,
        pollIntervalMs,
        waitMs,
        waitingWritesMax,
        projections: await projectionsOf(model),
        cascadeDocumentsMax: values.cascadeDocumentsMax,
        logger,
      });
      const api = createApi({ client, logger, waitMs, basePath: values.basePath });
      await runUntilStopped(
        {
          async start() {
            await client.start();
            await api.listen({ host: values.host, port: values.port });
            const { port } = api.server.address() as AddressInfo;
            return { url: `http://${values.host.includes(':') ? `[${values.host}]` : values.host}:${port}` };
          },
          async stop() {
            await api.close();
            await client.stop();
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
