import { setTimeout as pause } from 'node:timers/promises';
import { countSettled, readStatus, type Status } from 'sluice/operator';
import { SluiceError } from 'sluice/internal/protocol';
import type { Database } from 'sluice/internal/store';
import { redactUrl, requireDatabaseUrl } from '../config/database-url.ts';
import { databaseSettings } from '../config/database-settings.ts';
import { durationWithDefault, numberSetting } from '../config/setting-forms.ts';
import { attentionExitCode } from '../operate/exit-codes.ts';
import { withDatabase } from '../operate/with-database.ts';
import { awaitClosedOutput, printJson, printLine } from '../process/output.ts';
import { explainError, reportError } from '../process/report-error.ts';
import { awaitStopRequest } from '../process/stop-request.ts';
import { statusLines } from '../status/status-lines.ts';
import { createCommand } from './command.ts';

const olderThan = {
  ...durationWithDefault(
    '--older-than <duration>',
    'age at which a waiting write needs attention: 30s, 5m, 2h, 1d',
    '30s',
  ),
  variables: ['SLUICE_OLDER_THAN'],
};

const watchIntervalMs = numberSetting(
  '--watch-interval-ms <ms>',
  ['SLUICE_WATCH_INTERVAL_MS'],
  'time between two reads of --watch',
  { from: 100, to: 3_600_000, fallback: 2000 },
);

export const statusCommand = () =>
  createCommand({
    name: 'status',
    summary: 'show stored documents, waiting writes, leaders, and what needs attention',
    description:
      'Shows on one screen the stored documents, the leaders of the lanes, the waiting writes, and what needs attention. It reads ' +
      'only the database, so it works when every node and writer is down.\n\n' +
      'Exits with 0 only if nothing needs attention: every lane has a leader, none is paused or retries a batch, there are no ' +
      'dead letters, and no write waits for longer than --older-than, except a write that may wait for references longer ' +
      'than that. Exits with 5 if something does, 1 if the database cannot be reached, 4 if it has no schema of this version.',
    settings: { ...databaseSettings, olderThan, watchIntervalMs },
    extend: (command) =>
      command.option(
        '--watch',
        'repeat until the command is stopped, also while the database cannot be reached for a time',
      ),
    run: (values, flags) =>
      withDatabase(values, async (database) => {
        const look = (): Promise<Status> => readStatus(database, { olderThanSeconds: values.olderThan });
        const isJson = flags['json'] === true;
        const shownUrl = redactUrl(requireDatabaseUrl(values));
        const show = (status: Status, perSecond: number | null): void => {
          if (isJson) printJson({ database: shownUrl, ...status, settledPerSecond: perSecond });
          else for (const line of statusLines(status, perSecond)) printLine(line);
          process.exitCode = status.isHealthy ? 0 : attentionExitCode;
        };
        if (flags['watch'] === true) await watch(database, look, show, values.watchIntervalMs, isJson);
        else show(await look(), null);
      }),
  });

/**
 * Prints each status over the last one; without a terminal, below it. After the first status, it reports a database that
 * cannot be reached, and reads again.
 */
async function watch(
  database: Database,
  look: () => Promise<Status>,
  show: (status: Status, perSecond: number | null) => void,
  intervalMs: number,
  isJson: boolean,
): Promise<void> {
  const ended = Promise.race([awaitStopRequest().requested, awaitClosedOutput()]);
  const ending = new AbortController();
  void ended.then(() => ending.abort());
  let before: { settled: number; at: number } | null = null;
  while (!ending.signal.aborted) {
    try {
      // A stop does not wait for a database that does not answer.
      const looked = await Promise.race([Promise.all([look(), countSettled(database)]), ended]);
      if (looked === undefined) return;
      const [status, settled] = looked;
      const now = { settled, at: performance.now() };
      const perSecond =
        before === null ? null : Math.max(0, ((now.settled - before.settled) * 1000) / (now.at - before.at));
      before = now;
      if (!isJson && process.stdout.isTTY) process.stdout.write('\u001B[H\u001B[2J');
      show(status, perSecond);
    } catch (error) {
      if (before === null || !isUnavailable(error)) throw error;
      process.exitCode = reportError(error, isJson);
    }
    await pause(intervalMs, undefined, { signal: ending.signal }).catch(() => undefined);
  }
}

function isUnavailable(error: unknown): boolean {
  const explained = explainError(error);
  return explained instanceof SluiceError && explained.code === 'database_unavailable';
}
