import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { useDatabase } from '../../../../test/support/database.ts';
import { eventually } from '../../../../test/support/eventually.ts';
import { roleUrl } from '../../../../test/support/postgres.ts';
import { openConnection, sql } from '../../../../test/support/sql.ts';
import { NeighbourWatch } from './neighbour-watch.ts';

const applicationName = 'test watch';

describe("a watch over another writer's session", () => {
  const database = useDatabase();

  /** A session that shares the lanes, and a watch over it that has begun to wait. */
  async function setup() {
    const neighbour = await openConnection(database.url);
    const { rows } = await neighbour.query<{ pid: number }>(
      'select pg_backend_pid() as pid, pg_advisory_lock(1936486758, pg_backend_pid())',
    );
    const { pid } = rows[0] ?? { pid: 0 };
    const onEnded = vi.fn();
    const watch = new NeighbourWatch({
      connection: { url: roleUrl(database.url, 'writer'), applicationName },
      onEnded,
    });
    onTestFinished(() => watch.stop());
    watch.follow(pid);
    await eventually(async () => expect(await waits()).toHaveLength(1));
    return { pid, watch, onEnded };
  }

  const waits = () =>
    sql(
      database.url,
      `select backend_xmin::text::bigint::int as horizon, query_start from pg_stat_activity
       where application_name = $1 and datname = current_database() and wait_event = 'advisory'`,
      [applicationName],
    );

  test('a watch over another writer’s session notices its end without delay, and tells all writers', async () => {
    const { pid, onEnded } = await setup();
    const ears = await openConnection(database.url);
    await ears.query('listen sluice_lanes');
    const heard = vi.fn();
    ears.on('notification', heard);
    await sql(database.url, 'select pg_terminate_backend($1, 5000)', [pid]);
    await eventually(() => expect(onEnded).toHaveBeenCalledOnce());
    await eventually(() => expect(heard).toHaveBeenCalledOnce());
    expect(await waits()).toEqual([]);
  });

  test('a watch is not counted as a session that shares the lanes, and survives its own connection', async () => {
    const { pid, onEnded } = await setup();
    await sql(
      database.url,
      `select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = $1`,
      [applicationName],
    );
    await eventually(async () => expect(await waits()).toHaveLength(1));
    expect(onEnded).not.toHaveBeenCalled();
    expect(
      await sql(
        database.url,
        `select objid::int as pid from pg_locks where classid = 1936486758 and granted
         and database = (select oid from pg_database where datname = current_database())`,
      ),
    ).toEqual([{ pid }]);
  });

  test('a watch turns to another session without delay', async () => {
    const { pid, watch, onEnded } = await setup();
    const other = await openConnection(database.url);
    const { rows } = await other.query<{ pid: number }>(
      'select pg_backend_pid() as pid, pg_advisory_lock(1936486758, pg_backend_pid())',
    );
    /** The backends that wait for the end of a session. */
    const waitersFor = async (session: number | undefined) => {
      const found = await sql(
        database.url,
        `select pid from pg_locks where classid = 1936486758 and objid = $1 and not granted
         and database = (select oid from pg_database where datname = current_database())`,
        [session],
      );
      return found.map((row) => row['pid']);
    };
    const [before] = await waitersFor(pid);
    watch.follow(rows[0]?.pid ?? 0);
    await eventually(async () => expect(await waitersFor(rows[0]?.pid)).toHaveLength(1));
    // Not when the wait before had come to its end.
    expect(await waitersFor(rows[0]?.pid)).not.toContain(before);
    await eventually(async () => expect(await waitersFor(pid)).toEqual([]));
    expect(onEnded).not.toHaveBeenCalled();
    await sql(database.url, 'select pg_terminate_backend($1, 5000)', [rows[0]?.pid]);
    await eventually(() => expect(onEnded).toHaveBeenCalledOnce());
  });

  test('a watch does not hold up vacuum', async () => {
    await setup();
    const [before] = await waits();
    await sql(database.url, 'select pg_current_xact_id()');
    // Wait after wait, each with a snapshot of its own.
    await eventually(async () => {
      const [now] = await waits();
      expect(now?.['horizon']).toBeGreaterThan(Number(before?.['horizon']));
    });
  });

  test('a watch that is stopped ends without delay, and for good', async () => {
    const { watch, onEnded } = await setup();
    watch.stop();
    // Its session has one more heartbeat.
    watch.follow(1);
    await eventually(async () => expect(await waits()).toEqual([]));
    watch.follow(1);
    expect(await waits()).toEqual([]);
    expect(onEnded).not.toHaveBeenCalled();
  });
});
