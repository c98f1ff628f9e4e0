// The simulated server is calibrated by the real one: the same scripts of statements by a few sessions, the same waits,
// rows and errors.

import { beforeAll, describe, expect, test } from 'vitest';
import { Session } from '@sluice/store';
import { useDatabase } from '../support/database.ts';
import { sql } from '../support/sql.ts';
import { runScript, scripts, type SessionName } from './conformance-scripts.ts';
import { runInOverlay } from './run-seeds.ts';

describe('the simulated server', () => {
  const database = useDatabase();
  let simulated: Record<string, string[]>;

  const areWaiting = async (sessions: readonly SessionName[]): Promise<boolean> => {
    const rows = await sql(
      database.url,
      `select from pg_stat_activity
       where datname = current_database() and cardinality(pg_blocking_pids(pid)) > 0
         and application_name = any ($1)`,
      [sessions.map((session) => `conformance ${session}`)],
    );
    return rows.length === sessions.length;
  };

  beforeAll(async () => {
    await sql(database.url, 'insert into sluice.lane (lane) select generate_series(0, 3)');
    simulated = JSON.parse((await runInOverlay('conformance-main.ts', [])).last) as typeof simulated;
  });

  test.each(Object.entries(scripts))('does as the real one: %s', async (name, steps) => {
    const open = (session: SessionName): Promise<Session> =>
      Session.open({ url: database.url, applicationName: `conformance ${session}` });
    expect(simulated[name]).toEqual(await runScript(steps, { open, areWaiting }));
  });
});
