import { setTimeout as pause } from 'node:timers/promises';
import { drainWriter, listWriters } from 'sluice/operator';
import type { Database } from 'sluice/internal/store';
import { databaseSettings } from '../config/database-settings.ts';
import { durationSetting } from '../config/setting-forms.ts';
import { attentionExitCode } from '../operate/exit-codes.ts';
import { withDatabase } from '../operate/with-database.ts';
import { actor } from '../process/actor.ts';
import { printJson, printLine } from '../process/output.ts';
import { createCommand } from './command.ts';

const wait = durationSetting(
  '--wait <duration>',
  'wait until the writer has stopped, at most this long: 30s, 5m',
  'it does not wait',
);

const lookIntervalMs = 250;

export const drainCommand = () =>
  createCommand({
    name: 'drain',
    summary: 'make a writer hand over its lanes and stop',
    description:
      'Asks a writer to hand over its lanes and to lead no more. It finishes its batch, hands its lanes to the other writers, and its ' +
      'process exits with 0. A supervisor may start it again, as a new writer.\n\n' +
      'Exits with 0 when the request is stored, or with --wait when the writer has stopped, and with 5 if it has not stopped in time.',
    settings: { ...databaseSettings, wait },
    extend: (command) =>
      command.argument(
        '<writer>',
        'id of the writer or the beginning of it, or host/process id, as sluice writers shows them',
      ),
    async run(values, flags, [name = '']) {
      const { writer, hasEnded } = await withDatabase(values, async (database) => {
        const writer = await drainWriter(database, name, actor());
        return { writer, hasEnded: await endsWithin(database, writer.writerId, values.wait ?? 0) };
      });
      if (flags['json'] === true) printJson({ writer, hasEnded });
      else {
        const { writerId, host, processId } = writer;
        printLine(`The writer ${writerId} (${host}/${processId}) ${hasEnded ? 'has ended' : 'drains'}`);
      }
      if (!hasEnded && values.wait !== undefined) process.exitCode = attentionExitCode;
    },
  });

async function endsWithin(database: Database, writerId: string, seconds: number): Promise<boolean> {
  const until = performance.now() + seconds * 1000;
  for (;;) {
    const writer = (await listWriters(database)).find((each) => each.writerId === writerId);
    if (writer === undefined || writer.state === 'stopped' || writer.state === 'gone') return true;
    if (performance.now() >= until) return false;
    await pause(lookIntervalMs);
  }
}
