import { assertModelOrTargets } from '../config/targets-setting.ts';
import { runUntilStopped, type Service } from '../process/run-until-stopped.ts';
import { createCommand } from './command.ts';
import { metricsPortOf } from './open-ports.ts';
import { openWriter, placeOf, prepareWriters, type OpenWriter, type SharedByWriters } from './open-writer.ts';
import { addStopWithStdin } from './stop-with-stdin.ts';
import { writerSettings, type WriterValues } from './writer-settings.ts';

export const writerCommand = () =>
  createCommand({
    name: 'writer',
    summary: 'run one writer',
    description:
      'Runs one writer. It leads lanes, or stands by while other writers keep up with the load. On SIGTERM or SIGINT it finishes the ' +
      'batch under way, hands its lanes over, and exits with 0. A second signal ends it immediately. `sluice drain` does the same ' +
      'from elsewhere.',
    settings: writerSettings,
    servesStores: true,
    extend: addStopWithStdin,
    async run(values, flags) {
      assertModelOrTargets(values.model, values.targets);
      const place = values.stores === undefined ? placeOf(values) : null;
      const shared = await prepareWriters(values);
      const service =
        place === null
          ? (await import('./lead-stores.ts')).leadStores(values, shared)
          : serveWriter(values, shared, openWriter(values, shared, place));
      await runUntilStopped(service, {
        name: 'Writer',
        isJson: flags['json'] === true,
        stopWithStdin: flags['stopWithStdin'] === true,
        stopTimeoutMs: values.stopTimeoutMs,
      });
    },
  });

/** One writer on one database. */
function serveWriter(
  values: WriterValues,
  { logger }: SharedByWriters,
  { writer, metrics }: OpenWriter,
): Service {
  const port = metricsPortOf(values, metrics, logger);
  return {
    async start() {
      await writer.start();
      return port.open();
    },
    async stop() {
      await writer.stop();
      await port.close();
      await metrics?.close();
    },
    ended: writer.drained,
  };
}
