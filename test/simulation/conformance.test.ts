// The simulated server is calibrated by the real one: the same scripts of statements by a few sessions, the same waits,
// rows and errors.

import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Session } from 'sluice/internal/store';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { runScript, scripts, type SessionName } from './conformance-scripts.ts';
import { runInOverlay } from './run-seeds.ts';

describe('the simulated server', () => {
  const database = useDatabase();
  let simulated: Record<string, string[]>;
  let looker: pg.Client;
  /** @param forMs Each has waited for so long. */
  const areWaiting = async (sessions: readonly SessionName[], forMs: number): Promise<boolean> => {
    const { rows } = await looker.query(
      `select from pg_stat_activity a
       where datname = current_database() and cardinality(pg_blocking_pids(pid)) > 0
         and application_name = any ($1)
         and exists (select from pg_locks l
                     where l.pid = a.pid and clock_timestamp() - l.waitstart >= $2 * interval '1 millisecond')`,
      [sessions.map((session) => `conformance ${session}`), forMs],
    );
    return rows.length === sessions.length;
  };

  const untilAborted = (session: SessionName): Promise<void> =>
    eventually(async () => {
      const { rows } = await looker.query(
        `select from pg_stat_activity
         where datname = current_database() and application_name = $1 and state = 'active'`,
        [`conformance ${session}`],
      );
      expect(rows).toEqual([]);
    });

  beforeAll(async () => {
    looker = new pg.Client(database.url);
    await looker.connect();
    await looker.query('insert into sluice.lane (lane) select generate_series(0, 3)');
    simulated = JSON.parse((await runInOverlay('conformance-main.ts', [])).last) as typeof simulated;
  });

  afterAll(() => looker.end());

  test.each(Object.entries(scripts))(
    'the simulated server does what the real one does: %s',
    async (name, steps) => {
      const open = (session: SessionName): Promise<Session> =>
        Session.open({ url: database.url, applicationName: `conformance ${session}` });
      // PostgreSQL breaks a cycle by the session whose deadlock_timeout is over first. Two timeouts that end at the same
      // moment leave that to the scheduler of the machine.
      const apartMs = / cycle | each other /.test(name) ? 300 : 0;
      const stage = {
        open,
        areWaiting: (waiting: readonly SessionName[]) => areWaiting(waiting, apartMs),
        untilAborted,
      };
      expect(simulated[name]).toEqual(await runScript(steps, stage));
    },
  );
});
