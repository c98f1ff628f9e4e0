// A real Citus: CITUS_URL is the URL of a database on its coordinator, as a superuser, with at least one worker. Each run
// makes a schema and removes it.

import pg from 'pg';
import { runDoctor } from 'sluice/operator';
import { createClient } from 'sluice/internal/client';
import { Database, migrate } from 'sluice/internal/store';
import { createWriter } from 'sluice/internal/writer';
import { expect, onTestFinished, test } from 'vitest';
import { model } from '../support/model.ts';
import { patient } from '../support/patient.ts';
import { enrolment, fresh, upsert } from '../support/world.ts';

const url = process.env['CITUS_URL'];

test.skipIf(url === undefined)(
  'a schema that Citus places takes each write once, also while it moves to another node (needs CITUS_URL)',
  async () => {
    const schema = `sluice_test_${fresh()}`;
    const coordinator = new pg.Client(url);
    await coordinator.connect();
    onTestFinished(async () => {
      await coordinator.query(`drop schema if exists ${schema} cascade`);
      await coordinator.end();
    });
    await coordinator.query(
      `do $$ begin execute format('alter database %I set citus.enable_schema_based_sharding = on', current_database()); end $$`,
    );
    const place = { url: url!, schema };
    await migrate(place);

    const writer = createWriter({ ...place, model });
    onTestFinished(() => writer.stop());
    await writer.start();
    const node = createClient({ ...place, model, ...patient });
    onTestFinished(() => node.stop());
    await node.start();

    const schoolId = fresh();
    await node.submit(upsert('schools', { schoolId }));
    const ids = Array.from({ length: 500 }, fresh);
    const writes = ids.map(async (id, index) => {
      await new Promise((resolve) => setTimeout(resolve, index * 10));
      return node.submit(upsert('enrolments', enrolment(id, schoolId)));
    });
    const { rows } = await coordinator.query<{ nodename: string; nodeport: number }>(
      `select nodename, nodeport from pg_dist_node
       where noderole = 'primary' and shouldhaveshards and nodename || ':' || nodeport <> ${schema}.find_home() limit 1`,
    );
    for (const { nodename, nodeport } of rows) {
      const values = [schema, nodename, nodeport];
      await coordinator.query('select citus_schema_move($1::regnamespace, $2::text, $3::integer)', values);
    }
    for (const outcome of await Promise.all(writes)) expect(outcome.result).toBe('created');

    const count = async (table: string): Promise<unknown> =>
      (await coordinator.query<{ n: number }>(`select count(*)::integer as n from ${schema}.${table}`))
        .rows[0]?.n;
    expect([await count('document'), await count('reference')]).toEqual([501, 500]);
    expect([await count('intake'), await count('dead_letter')]).toEqual([0, 0]);

    const database = new Database({ ...place, applicationName: 'test', connectionsMax: 1 });
    onTestFinished(() => database.close());
    const { findings } = await runDoctor(database);
    expect(findings).toContainEqual(expect.objectContaining({ check: 'backend', verdict: 'ok' }));
    expect(findings.filter(({ verdict }) => verdict === 'fault')).toEqual([]);
  },
);
