import { inspect } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { useDatabase } from '../../../../test/support/database.ts';
import { eventually } from '../../../../test/support/eventually.ts';
import { startProxy, type Proxy } from '../../../../test/support/proxy.ts';
import { openConnection, sql } from '../../../../test/support/sql.ts';
import { startTransactionPooler } from '../../../../test/support/transaction-pooler.ts';
import { Database } from './database.ts';
import type { DatabaseError } from './database-error.ts';
import { detectPooler } from './pooler.ts';
import { query } from './queries.ts';
import { SessionPool } from './session-pool.ts';
import { Session } from './session.ts';

describe('a session', () => {
  const database = useDatabase();

  async function setup(answerTimeoutMs?: number): Promise<{ session: Session; proxy: Proxy }> {
    const proxy = await startProxy(database.url);
    const session = await Session.open({
      url: proxy.url,
      applicationName: 'test session',
      ...(answerTimeoutMs === undefined ? {} : { answerTimeoutMs }),
    });
    onTestFinished(() => session.close());
    return { session, proxy };
  }

  /** A flight that waits for a lock of this test; resolves when it waits. */
  async function flightUnderWay(session: Session): Promise<{ flight: Promise<unknown> }> {
    await sql(
      database.url,
      'insert into sluice.lane (lane) select generate_series(0, 15) on conflict do nothing',
    );
    const holder = await openConnection(database.url);
    await holder.query('begin; lock table sluice.lane in access exclusive mode');
    const flight = session.flight([
      { name: 'begin' },
      { name: 'lockTerms', values: [[0]] },
      { name: 'commit' },
    ]);
    flight.catch(() => undefined);
    await eventually(async () =>
      expect(
        await sql(
          database.url,
          `select 1 as n from pg_stat_activity where pid = $1 and wait_event_type = 'Lock'`,
          [session.pid],
        ),
      ).toEqual([{ n: 1 }]),
    );
    return { flight };
  }

  const connectionLoss = expect.objectContaining({
    name: 'DatabaseError',
    isConnectionLoss: true,
  }) as DatabaseError;

  test('a session answers each statement of a flight, and goes on after one that cannot be written', async () => {
    const { session } = await setup();
    session.sendsWhole = true;
    const now = { name: 'readArrival' };
    expect(await session.flight([{ name: 'begin' }, now, { name: 'commit' }])).toHaveLength(3);
    await expect(session.flight([now, { name: 'noSuchStatement' }])).rejects.toThrow('noSuchStatement');
    expect(await session.run('readArrival')).toHaveLength(1);
  });

  test('a session waits for no hint after a COMMIT, and for every other statement', async () => {
    const { session } = await setup();
    const holder = await openConnection(database.url);
    await holder.query('begin; lock table sluice.awaited in access exclusive mode');
    const hint = { name: 'hintAwaited', values: [[crypto.randomUUID()], ['']], isOptional: true };
    expect(await session.flight([{ name: 'begin' }, { name: 'commit' }, hint])).toHaveLength(2);
    let isOver = false;
    const alone = session.flight([hint]).then(() => (isOver = true));
    expect(await sql(database.url, `select 1 as n`)).toEqual([{ n: 1 }]);
    expect(isOver).toBe(false);
    await holder.query('rollback');
    await alone;
  });

  test('a session hides the rows that an error is about', async () => {
    const { session } = await setup();
    const insert = (): Promise<unknown> =>
      session.query('insert into sluice.setting values ($1, $1)', ['Canary7q']);
    await insert();
    const error: unknown = await insert().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ sqlState: '23505', constraint: 'setting_pkey' });
    expect(inspect(error, { depth: null, showHidden: true })).not.toContain('Canary7q');
  });

  test.each([
    ['cut', ({ proxy }: { proxy: Proxy }) => proxy.cut()],
    [
      'ended by the server',
      ({ session }: { session: Session }) =>
        sql(database.url, 'select pg_terminate_backend($1, 5000)', [session.pid]),
    ],
  ])('a session rejects statements in flight when its connection is %s', async (_, end) => {
    const { session, proxy } = await setup();
    const { flight } = await flightUnderWay(session);
    await end({ session, proxy });
    await expect(flight).rejects.toEqual(connectionLoss);
    expect(session.ended.aborted).toBe(true);
    await expect(session.run('lockTerms', [[0]])).rejects.toEqual(connectionLoss);
    await session.close();
  });

  test('a session rejects statements in flight when nothing answers for too long', async () => {
    const { session, proxy } = await setup(300);
    proxy.blackhole();
    await expect(session.flight([{ name: 'begin' }, { name: 'commit' }])).rejects.toEqual(connectionLoss);
    await eventually(() => expect(session.ended.aborted).toBe(true));
  });

  test('a session behind a pooler keeps its short limits while nothing answers', async () => {
    const pooler = await startTransactionPooler(database.url);
    const proxy = await startProxy(pooler.url);
    const options = { url: proxy.url, applicationName: 'test session' };
    expect(await detectPooler(options)).toBe(true);
    const open = async (limit: { answerTimeoutMs?: number } = {}): Promise<Session> => {
      const session = await Session.open({ ...options, ...limit });
      onTestFinished(() => session.close());
      await session.run('readArrival');
      return session;
    };
    const sessions = await Promise.all([
      open(),
      open({ answerTimeoutMs: 300 }),
      open({ answerTimeoutMs: 300 }),
    ]);
    const [first, second, third] = sessions;
    proxy.blackhole();
    const began = performance.now();
    const answers = [
      first.flight([{ name: 'readArrival' }], 300),
      second.run('readArrival'),
      third.query('select 1'),
    ];
    expect(sessions.every(({ silentMs }) => silentMs > 0)).toBe(true);
    await Promise.all(answers.map((answer) => expect(answer).rejects.toEqual(connectionLoss)));
    expect(performance.now() - began).toBeLessThan(10_000);
    expect(sessions.map(({ silentMs }) => silentMs)).toEqual([0, 0, 0]);
  });

  test('a session behind a pooler knows whether its backend works for it, or for another client', async () => {
    const { url } = await startTransactionPooler(database.url, 1);
    const options = { url, applicationName: 'test session' };
    expect(await detectPooler(options)).toBe(true);
    const session = await Session.open(options);
    onTestFinished(() => session.close());
    const look = async (): Promise<{ isSleeping: boolean; isWorking: unknown }> => {
      const { pid, since } = session.backend;
      const text = `select 1 as n from pg_stat_activity where pid = $1 and wait_event = 'PgSleep'`;
      const isSleeping = (await sql(database.url, text, [pid])).length === 1;
      const [row] = await sql(database.url, query('isBackendWorking').text, [pid, since]);
      return { isSleeping, isWorking: row?.['is_working'] };
    };
    // The session plans its statements again at its 8th transaction.
    for (let count = 1; count < 8; count++) await session.run('readArrival');
    await session.flight([{ name: 'begin' }]);
    const own = session.query('select pg_sleep(0.5)');
    await eventually(async () => expect(await look()).toEqual({ isSleeping: true, isWorking: true }));
    await own;
    expect(await look()).toEqual({ isSleeping: false, isWorking: false });
    await session.flight([{ name: 'commit' }]);
    const other = await openConnection(url);
    const sleep = other.query('select pg_sleep(0.5)');
    await eventually(async () => expect(await look()).toEqual({ isSleeping: true, isWorking: false }));
    await sleep;
  });

  test('a session closes even if the server does not answer', async () => {
    const { session, proxy } = await setup();
    proxy.blackhole();
    const flight = session.run('lockTerms', [[0]]);
    const closed = session.close();
    await expect(flight).rejects.toEqual(connectionLoss);
    await closed;
    await session.close();
  });

  test('a session tells a commit from a rollback that answers it', async () => {
    const { session } = await setup();
    const flight = session.flight([
      { name: 'begin' },
      { name: 'readBodies', values: ['not an array', 1, 1] },
      { name: 'commit' },
    ]);
    await expect(flight).rejects.toMatchObject({ sqlState: '22P02', statement: 'readBodies' });
    expect(await session.run('lockTerms', [[-1]])).toEqual([]);
  });

  test('a session that cannot be opened fails by its name alone', async () => {
    const proxy = await startProxy(database.url);
    proxy.refuse(true);
    await expect(Session.open({ url: proxy.url, applicationName: 'x' })).rejects.toEqual(connectionLoss);
  });
});

describe('a pool of sessions', () => {
  const database = useDatabase();

  test('a pool lends no session whose work failed with its transaction open', async () => {
    const pool = new SessionPool({ url: database.url, applicationName: 'test pool', sessionsMax: 1 });
    onTestFinished(() => pool.close());
    const failing = pool.use((session) =>
      session.flight([{ name: 'begin' }, { name: 'readBodies', values: ['not an array', 1, 1] }]),
    );
    await expect(failing).rejects.toMatchObject({ sqlState: '22P02' });
    // A COMMIT that the server answers with ROLLBACK would be an error.
    const done = await pool.use((session) =>
      session.flight([{ name: 'begin' }, { name: 'lockTerms', values: [[0]] }, { name: 'commit' }]),
    );
    expect(done).toHaveLength(3);
  });

  test('a pool serves on after all its connections were cut', async () => {
    const proxy = await startProxy(database.url);
    const pool = new SessionPool({ url: proxy.url, applicationName: 'test pool', sessionsMax: 2 });
    const reads = new Database({ url: proxy.url, applicationName: 'test pool' });
    onTestFinished(() => Promise.all([pool.close(), reads.close()]).then(() => undefined));
    for (let round = 0; round < 3; round++) {
      await eventually(async () => {
        expect(await pool.use((session) => session.run('lockTerms', [[-1]]))).toEqual([]);
        expect(await reads.run('lockTerms', [[-1]])).toEqual([]);
      });
      proxy.cut();
    }
  });
});
