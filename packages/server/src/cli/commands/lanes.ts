import { listLanes, listSessions, readClock } from 'sluice/operator';
import { databaseSettings } from '../config/database-settings.ts';
import { laneLines } from '../operate/lane-lines.ts';
import { sessionLines } from '../operate/session-lines.ts';
import { withDatabase } from '../operate/with-database.ts';
import { printJson, printLine } from '../process/output.ts';
import { createCommand } from './command.ts';

export const lanesCommand = () =>
  createCommand({
    name: 'lanes',
    summary: 'show every lane, its leader and its waiting writes',
    description:
      'Shows every lane: its ready and blocked writes, their age, its leader or last leader, and whether it is paused ' +
      'or its batch is tried again. Equal neighbours share one line. Then it shows which sessions lead: no more than the load needs, ' +
      'and why.',
    settings: databaseSettings,
    async run(values, flags) {
      const { lanes, sessions, readAt } = await withDatabase(values, async (database) => ({
        lanes: await listLanes(database),
        sessions: await listSessions(database),
        readAt: await readClock(database),
      }));
      if (flags['json'] === true) printJson({ lanes, sessions });
      else if (lanes.length === 0)
        printLine('There are no lanes: no node or writer has started on this database');
      else for (const line of [...laneLines(lanes, readAt), '', ...sessionLines(sessions)]) printLine(line);
    },
  });
