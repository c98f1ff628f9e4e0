import type { MetricsServer } from '#metrics';
import { FailureLog, pickTunables, writerTunables } from 'sluice/internal/protocol';
import { requireDatabase, withTls } from '../config/database-url.ts';
import { projectionModules, projectionsOf } from '../config/projections-of.ts';
import { readModelFiles } from '../config/read-model-files.ts';
import { databaseSettings, listenUrl } from '../config/database-settings.ts';
import { tunableSettings } from '../config/setting-forms.ts';
import {
  logLevel,
  metricsHost,
  metricsPort,
  modelFiles,
  notifications,
  ownership,
  spread,
  referentialIdLayout,
  stopTimeoutMs,
} from '../config/settings.ts';
import { createLogger } from '../process/create-logger.ts';
import { runUntilStopped } from '../process/run-until-stopped.ts';
import { urlOf } from '../process/url-of.ts';
import { version } from '../process/version.ts';
import { createCommand } from './command.ts';
import { addStopWithStdin } from './stop-with-stdin.ts';

export const writerSettings = {
  ...databaseSettings,
  listenUrl,
  model: modelFiles,
  referentialIdLayout,
  projectionModules,
  ownership,
  spread,
  notifications,
  ...tunableSettings(writerTunables),
  metricsPort,
  metricsHost,
  logLevel,
  stopTimeoutMs,
};

export const writerCommand = () =>
  createCommand({
    name: 'writer',
    summary: 'run one writer',
    description:
      'Runs one writer: it leads lanes, or stands by while others keep up with the load. SIGTERM or SIGINT: it finishes the ' +
      'batch in hand, hands its lanes over, and ends with 0; a second signal ends it at once. `sluice drain` does the same ' +
      'from elsewhere.',
    settings: writerSettings,
    servesStores: true,
    extend: addStopWithStdin,
    async run(values, flags) {
      const place = requireDatabase(values);
      const model = await readModelFiles(values.model, values.referentialIdLayout);
      const [{ createWriter }, { createWriterMetrics, serveMetrics }] = await Promise.all([
        import('sluice/internal/writer'),
        import('#metrics'),
      ]);
      const { metricsPort, metricsHost } = values;
      const metrics = metricsPort === undefined ? null : createWriterMetrics({ ...place, version });
      const logger = createLogger(values.logLevel, { process: 'writer' });
      const writer = createWriter({
        ...place,
        listenUrl: values.listenUrl === undefined ? place.url : withTls(values.listenUrl, values),
        model,
        ownership: values.ownership,
        spread: values.spread,
        notifications: values.notifications,
        ...pickTunables(writerTunables, values),
        projections: await projectionsOf(model, values.projectionModules),
        logger,
        ...(metrics === null ? {} : { observer: metrics.observer }),
      });
      metrics?.watch(() => writer.status());
      let server: MetricsServer | null = null;
      await runUntilStopped(
        {
          async start() {
            await writer.start();
            if (metrics === null || metricsPort === undefined) return {};
            const failures = new FailureLog(logger);
            const onError = (error: unknown): void => failures.note(error, 'tell metrics');
            server = await serveMetrics(metrics, { host: metricsHost, port: metricsPort, onError });
            return { metricsUrl: urlOf(metricsHost, server.port) };
          },
          async stop() {
            await writer.stop();
            await server?.close();
            await metrics?.close();
          },
          ended: writer.drained,
        },
        {
          name: 'Writer',
          isJson: flags['json'] === true,
          stopWithStdin: flags['stopWithStdin'] === true,
          stopTimeoutMs: values.stopTimeoutMs,
        },
      );
    },
  });
