import { constants } from 'node:buffer';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { useDatabase } from '../../../../test/support/database.ts';
import { eventually } from '../../../../test/support/eventually.ts';
import { openConnection, sql } from '../../../../test/support/sql.ts';
import { answerBytesMax } from './answer-guard.ts';
import type { ConnectionOptions } from './connection.ts';
import { Database } from './database.ts';
import { notifyListener } from './listener.ts';
import { SessionPool } from './session-pool.ts';
import { Session, type Row } from './session.ts';

describe('an answer that cannot be read', () => {
  const database = useDatabase();
  const faults: unknown[] = [];
  const onFault = (error: unknown): void => void faults.push(error);
  beforeAll(async () => {
    process.on('uncaughtException', onFault).on('unhandledRejection', onFault);
    await sql(database.url, 'alter table sluice.setting rename to small_setting');
    await sql(
      database.url,
      `create view sluice.setting as select 'large' as name, repeat('x', 3000000) as value`,
    );
  });
  afterAll(() => void process.off('uncaughtException', onFault).off('unhandledRejection', onFault));

  interface Kind {
    run: (name: string) => Promise<Row[]>;
    close: () => Promise<void>;
  }
  const options = (): ConnectionOptions => ({ url: database.url, applicationName: 'test guard' });
  const small = (): ConnectionOptions => ({ ...options(), answerBytesMax: 1_000_000 });
  const kinds = {
    async 'a pool'(): Promise<Kind> {
      const pool = new Database(small());
      return { run: (name) => pool.run(name), close: () => pool.close() };
    },
    async 'a pool of sessions'(): Promise<Kind> {
      const pool = new SessionPool(small());
      return { run: (name) => pool.use((session) => session.run(name)), close: () => pool.close() };
    },
    async 'a session'(): Promise<Kind> {
      let session = await Session.open(small());
      return {
        async run(name) {
          if (session.ended.aborted) session = await Session.open(small());
          return session.run(name);
        },
        close: () => session.close(),
      };
    },
  };

  test.each(Object.entries(kinds))(
    'an unreadable answer costs %s its connection, and does not affect the process',
    async (_kind, open) => {
      const { run, close } = await open();
      onTestFinished(close);
      await expect(run('readSettings')).rejects.toMatchObject({
        name: 'DatabaseError',
        isConnectionLoss: true,
        statement: 'readSettings',
        message: `connection given up: an answer is larger than 1000000 bytes`,
      });
      expect(await run('listLanes')).toEqual([]);
      expect(faults).toEqual([]);
    },
  );

  test('an answer is given up before it is longer than the longest string', () => {
    expect(answerBytesMax).toBeLessThan(constants.MAX_STRING_LENGTH);
  });

  test('an unreadable answer fails the other statements of its session, and no other session', async () => {
    const session = await Session.open(small());
    onTestFinished(() => session.close());
    const results = await Promise.allSettled(
      ['listLanes', 'readSettings', 'listLanes'].map((name) => session.run(name)),
    );
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
    await eventually(() => expect(session.ended.aborted).toBe(true));
    expect(faults).toEqual([]);
  });

  test('many small answers on one connection do not count as a large one', async () => {
    const session = await Session.open(small());
    onTestFinished(() => session.close());
    for (let round = 0; round < 4; round++) await session.query(`select repeat('y', 500000)`);
    expect(session.ended.aborted).toBe(false);
  });

  test('an error in the caller of a listener costs it its connection, and it listens again', async () => {
    const listener = notifyListener(options());
    onTestFinished(() => listener.close());
    const heard: (string | null)[] = [];
    await listener.listen('guarded', (payload) => {
      heard.push(payload);
      if (payload === 'throw') throw new RangeError('thrown inside the driver');
    });
    const notifier = await openConnection(database.url);
    heard.length = 0;
    await notifier.query(`notify sluice_guarded, 'throw'`);
    await eventually(() => expect(heard).toEqual(['throw', null]));
    await notifier.query(`notify sluice_guarded, 'after'`);
    await eventually(() => expect(heard).toEqual(['throw', null, 'after']));
    expect(faults).toEqual([]);
  });

  test('values too long for one string fail their whole flight before any of it is sent', async () => {
    const session = await Session.open(options());
    onTestFinished(() => session.close());
    const long = 'z'.repeat(300_000_000);
    await expect(
      session.flight([{ name: 'begin' }, { name: 'readBodies', values: [[long, long]] }, { name: 'commit' }]),
    ).rejects.toThrow(RangeError);
    // In a transaction that is open, now() would stand still.
    const began = await session.query('select now()::text as began');
    expect(await session.query('select now()::text as began')).not.toEqual(began);
    expect(faults).toEqual([]);
  });
});
