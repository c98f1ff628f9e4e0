// A schema that an engine places on one of its nodes, as Citus does: here two addresses of one server stand for the nodes. The
// functions of sql/citus.sql are replaced by ones that ask which address a session has, and refuse its writes elsewhere.

import { runDoctor } from 'sluice/operator';
import { applyRoles, Database } from 'sluice/internal/store';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startOwnServer, type OwnServer } from '../support/own-server.ts';
import { execute } from '../support/postgres.ts';
import { enrolment, fresh, startWorld, upsert, type World } from '../support/world.ts';
import { startWriterProcess } from '../support/writer-process.ts';

const nodes = ['127.0.0.1', '127.0.0.2'] as const;

const fakeCitus = `
  create function sluice.find_home() returns text language sql security definer as $$
    select h.value || ':' || inet_server_port() from sluice.setting h
    where h.name = 'home' and h.value <> host(inet_server_addr()) $$;
  -- Of a statement that inserts rows of a query, Citus keeps no SQLSTATE.
  create function sluice.refuse_other_nodes() returns trigger language plpgsql security definer as $$
  begin
    if sluice.find_home() is not null then
      raise exception using errcode = case when tg_table_name = 'intake' then 'XX000' else '25006' end;
    end if;
    return null;
  end $$;
  do $$ declare name text; begin
    for name in select relname from pg_class where relnamespace = 'sluice'::regnamespace and relkind = 'r' loop
      execute format('create trigger at_home before insert or update or delete on sluice.%I
                      for each statement execute function sluice.refuse_other_nodes()', name);
    end loop;
  end $$;
  insert into sluice.setting (name, value) values ('backend', 'citus'), ('home', '${nodes[0]}');
`;

interface Placed {
  server: OwnServer;
  /** Moves the schema to this node. */
  move: (node: (typeof nodes)[number]) => Promise<unknown>;
}

async function place(): Promise<Placed> {
  const server = await startOwnServer({ listen_addresses: nodes.join() });
  await execute(server.url, fakeCitus);
  const move = (node: string): Promise<unknown> =>
    execute(
      server.url,
      `set local session_replication_role = replica; update sluice.setting set value = '${node}' where name = 'home'`,
    );
  await move(nodes[1]);
  return { server, move };
}

const leaders = (world: World): Promise<unknown> =>
  world.sql(`select count(*)::integer as led from sluice.lane where leased_until > clock_timestamp()`);

test('processes go to the home of a schema and follow it, so each write is applied once and in order', async () => {
  const { server, move } = await place();
  const world = await startWorld(server.url);
  expect(await world.sql(`select value from sluice.setting where name = 'ownership'`)).toEqual([
    { value: 'lease' },
  ]);

  const [schools, keys, changes] = [Array.from({ length: 4 }, fresh), Array.from({ length: 4 }, fresh), 30];
  for (const schoolId of schools) await world.submit(upsert('schools', { schoolId }));
  const versions: Promise<number[]>[] = keys.map(async (key) => {
    const own: number[] = [];
    for (let change = 0; change < changes; change++) {
      const school = schools[change % schools.length]!;
      const outcome = await world.submit(upsert('enrolments', enrolment(key, school)));
      expect(outcome.code).toBeNull();
      own.push(outcome.version!);
      if (key !== keys[0]) continue;
      if (change === changes / 3) await move(nodes[0]);
      if (change === (2 * changes) / 3) await move(nodes[1]);
    }
    return own;
  });
  const inOrder = Array.from({ length: changes }, (_, change) => change + 1);
  expect(await Promise.all(versions)).toEqual(keys.map(() => inOrder));
  expect(await world.sql('select from sluice.dead_letter union all select from sluice.intake')).toEqual([]);

  // An idle writer learns of a move when it renews its leases.
  await move(nodes[0]);
  await eventually(async () => expect(await leaders(world)).toEqual([{ led: 16 }]));
  await expect(world.submit(upsert('schools', { schoolId: fresh() }))).resolves.toMatchObject({
    result: 'created',
  });

  await expect(applyRoles({ url: server.url })).rejects.toMatchObject({
    code: 'configuration_invalid',
    message: expect.stringContaining('Citus places the schema') as string,
  });
  const database = new Database({ url: server.url, applicationName: 'test', connectionsMax: 1 });
  onTestFinished(() => database.close());
  expect((await runDoctor(database)).findings).toContainEqual(
    expect.objectContaining({
      check: 'backend',
      verdict: 'ok',
      says: expect.stringContaining('citus') as string,
    }),
  );
});

test('another session leads the lanes of a killed writer once its leases have run out', async () => {
  const { server } = await place();
  const killed = startWriterProcess(server.url);
  const world = await startWorld(server.url, { writers: 0 });
  await eventually(async () => expect(await leaders(world)).toEqual([{ led: 16 }]));
  await world.startWriter();
  killed.kill('SIGKILL');
  await expect(world.submit(upsert('schools', { schoolId: fresh() }))).resolves.toMatchObject({
    result: 'created',
  });
});
