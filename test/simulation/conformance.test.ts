// The simulated server is calibrated by the real one: the same scripts of statements by a few sessions, the same waits,
// rows and errors.

import { beforeAll, describe, expect, test } from 'vitest';
import { Session } from '@sluice/store';
import { useDatabase } from '../support/database.ts';
import { sql } from '../support/sql.ts';
import { runScript, scripts } from './conformance-scripts.ts';
import { runInOverlay } from './run-seeds.ts';

describe('the simulated server', () => {
  const database = useDatabase();
  let simulated: Record<string, string[]>;

  beforeAll(async () => {
    await sql(database.url, 'insert into sluice.lane (lane) select generate_series(0, 3)');
    simulated = JSON.parse((await runInOverlay('conformance-main.ts', [])).last) as typeof simulated;
  });

  test.each(Object.entries(scripts))('does as the real one: %s', async (name, steps) => {
    const open = (): Promise<Session> => Session.open({ url: database.url, applicationName: 'conformance' });
    expect(simulated[name]).toEqual(await runScript(steps, open, 400));
  });
});
