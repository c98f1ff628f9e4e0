import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { useDatabase } from '../../../../test/support/database.ts';
import { eventually } from '../../../../test/support/eventually.ts';
import { startProxy, type Proxy } from '../../../../test/support/proxy.ts';
import { sql } from '../../../../test/support/sql.ts';
import { notifyListener, silentListener, type Listener } from './listener.ts';

const channel = 'test_channel';

describe('a listener', () => {
  const database = useDatabase();
  const faults: unknown[] = [];
  const onFault = (error: unknown): void => void faults.push(error);
  beforeAll(() => void process.on('uncaughtException', onFault).on('unhandledRejection', onFault));
  afterAll(() => void process.off('uncaughtException', onFault).off('unhandledRejection', onFault));

  interface Setup {
    listener: Listener;
    proxy: Proxy;
    /** Payloads in order; null where hints may have been missed. */
    heard: (string | null)[];
    notify: (payload: string) => Promise<unknown>;
  }

  async function setup(): Promise<Setup> {
    const proxy = await startProxy(database.url);
    const listener = notifyListener({ url: proxy.url, applicationName: 'test listener' });
    onTestFinished(() => listener.close());
    const heard: (string | null)[] = [];
    await listener.listen(channel, (payload) => heard.push(payload));
    expect(listener.isListening).toBe(true);
    expect(heard.at(-1)).toBeNull();
    heard.length = 0;
    return {
      listener,
      proxy,
      heard,
      notify: (payload) => sql(database.url, 'select pg_notify($1, $2)', [`sluice_${channel}`, payload]),
    };
  }

  /** What it has heard once it hears again. On a busy machine it may lose its connection once more meanwhile. */
  const hearsAgain = ({ heard, notify }: Pick<Setup, 'heard' | 'notify'>): Promise<(string | null)[]> =>
    eventually(async () => {
      await notify('after');
      expect(heard).toContain('after');
      return heard;
    });

  test('a listener receives every payload unchanged', async () => {
    const { heard, notify } = await setup();
    for (const payload of ['one', '{"a": 1}', '', 'x'.repeat(7999)]) await notify(payload);
    await eventually(() => expect(heard).toEqual(['one', '{"a": 1}', '', 'x'.repeat(7999)]));
  });

  test('a listener reconnects when its session is ended, and reports that hints may be lost', async () => {
    const { heard, notify } = await setup();
    await sql(
      database.url,
      `select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = 'test listener'`,
    );
    expect(await hearsAgain({ heard, notify })).toContain(null);
  });

  test('a listener reconnects as often as its connection is cut', async () => {
    const { listener, proxy, heard, notify } = await setup();
    for (let round = 1; round <= 5; round++) {
      proxy.cut();
      await eventually(() =>
        expect(heard.filter((payload) => payload === null).length).toBeGreaterThanOrEqual(round),
      );
    }
    expect(listener.isListening).toBe(true);
    expect(await hearsAgain({ heard, notify })).toContain(null);
  });

  test('a listener notices that its connection is half-open', async () => {
    const { proxy, heard, notify } = await setup();
    proxy.blackhole();
    expect(await hearsAgain({ heard, notify })).toContain(null);
  });

  test('a listener whose own echo does not return reports that it is deaf, and when it hears again', async () => {
    const { listener, proxy, heard, notify } = await setup();
    expect(listener.isDeaf).toBe(false);
    proxy.swallowNotifications(true);
    await eventually(() => expect(listener.isDeaf).toBe(true));
    expect(listener.isListening).toBe(false);
    expect(heard).toContain(null);
    const before = heard.length;
    proxy.swallowNotifications(false);
    await eventually(() => expect(heard.slice(before)).toContain(null));
    await eventually(() => expect(listener).toMatchObject({ isListening: true, isDeaf: false }));
    expect(await hearsAgain({ heard, notify })).toContain(null);
  });

  test('a listener goes on trying while the server takes no connections', async () => {
    const { listener, proxy, heard } = await setup();
    proxy.refuse(true);
    proxy.cut();
    await eventually(() => {
      expect(listener.isListening).toBe(false);
      expect(proxy.refused).toBeGreaterThan(2);
    });
    proxy.refuse(false);
    await eventually(() => expect(heard).toContain(null));
    await eventually(() => expect(listener.isListening).toBe(true));
  });

  test('a listener starts over when its new connection is lost during the connect', async () => {
    const { listener, proxy, heard, notify } = await setup();
    // New connections go silent after the first answers: the LISTEN is never confirmed.
    proxy.silence(true);
    proxy.cut();
    await eventually(() => expect(proxy.connections).toBeGreaterThan(0));
    proxy.silence(false);
    await eventually(() => expect(heard.at(-1)).toBeNull());
    await eventually(() => expect(listener.isListening).toBe(true));
    expect(await hearsAgain({ heard, notify })).toContain(null);
  });

  test('a listener may add and remove channels, and reports when it hears a new one', async () => {
    const { listener, proxy } = await setup();
    const told: string[] = [];
    const hear = (...names: string[]): void =>
      listener.hear(names, (name, payload) => told.push(`${name} ${payload ?? 'from now on'}`));
    const notifyAll = (payload: string): Promise<unknown> =>
      sql(database.url, `select pg_notify('sluice_' || c, $2) from unnest($1::text[]) c`, [
        ['a', 'b', 'c'],
        payload,
      ]);
    hear('a', 'b');
    expect(listener).toMatchObject({ isListening: true, isHearing: false });
    await eventually(() => expect(told).toEqual(['a from now on', 'b from now on']));
    expect(listener.isHearing).toBe(true);
    hear('b', 'c');
    await eventually(() => expect(told.slice(2)).toEqual(['c from now on']));
    await notifyAll('one');
    await eventually(() => expect(told.slice(3)).toEqual(['b one', 'c one']));
    proxy.cut();
    await eventually(() => expect(told.slice(5)).toEqual(['b from now on', 'c from now on']));
    // While there is no connection, too.
    proxy.cut();
    hear('a');
    await eventually(() => expect(told.slice(7)).toContain('a from now on'));
    const before = told.length;
    await eventually(async () => {
      await notifyAll('two');
      expect(told.slice(before)).toContain('a two');
    });
    expect(told.slice(before).filter((text) => !text.startsWith('a '))).toEqual([]);
    expect(listener.isListening).toBe(true);
  });

  test('a listener hears many channels of a distant server, even after a cut connection', async () => {
    const { listener, proxy } = await setup();
    // One after the other they would take longer than an answer may.
    proxy.delay(20);
    const told: string[] = [];
    const names = Array.from({ length: 64 }, (_, number) => `many_${number}`);
    listener.hear(names, (name, payload) => told.push(`${name} ${payload ?? 'from now on'}`));
    const all = names.map((name) => `${name} from now on`);
    await eventually(() => expect(told).toEqual(all));
    proxy.cut();
    await eventually(() => expect(told).toEqual([...all, ...all]));
    expect(listener.isListening).toBe(true);
  });

  test('a listener that hears others sends no echo, so many send little more than one', async () => {
    const others = await Promise.all(Array.from({ length: 6 }, () => setup()));
    const sent = (): number => others.reduce((sum, { proxy }) => sum + proxy.statements, 0);
    // Each by itself would send one a second, always: a machine that is slow for a while only makes all send at once then.
    await eventually(async () => {
      const before = sent();
      const began = performance.now();
      await eventually(() => expect(sent() - before).toBeGreaterThanOrEqual(6));
      expect((sent() - before) / ((performance.now() - began) / 1000)).toBeLessThan(4);
    });
    for (const { listener } of others) await eventually(() => expect(listener.isListening).toBe(true));
  });

  test('a listener closes on a half-open connection', async () => {
    const { listener, proxy } = await setup();
    proxy.blackhole();
    await listener.close();
    expect(listener.isListening).toBe(false);
  });

  test('a listener that is closed during a reconnect stays closed and keeps nothing open', async () => {
    const { listener, proxy, heard } = await setup();
    proxy.refuse(true);
    proxy.cut();
    await eventually(() => expect(proxy.refused).toBeGreaterThan(0));
    await listener.close();
    await listener.close();
    const tried = proxy.refused;
    proxy.refuse(false);
    // Its pause between two tries may still be running out; after it there is nothing.
    await eventually(() => expect(process.getActiveResourcesInfo()).not.toContain('ConnectWrap'));
    expect(proxy.refused - tried).toBeLessThanOrEqual(1);
    await eventually(() => expect(proxy.connections).toBe(0));
    expect(heard).toEqual([]);
    expect(listener.isListening).toBe(false);
  });

  test('a listener that cannot connect reports it, and can be closed', async () => {
    const proxy = await startProxy(database.url);
    proxy.refuse(true);
    const listener = notifyListener({ url: proxy.url, applicationName: 'test listener' });
    await expect(listener.listen(channel, () => undefined)).rejects.toMatchObject({ isConnectionLoss: true });
    await listener.close();
    await eventually(() => expect(proxy.connections).toBe(0));
  });

  test('a listener has thrown no error in all of these tests', () => expect(faults).toEqual([]));

  test('a listener may be silent', async () => {
    const listener = silentListener();
    await listener.listen(channel, () => expect.unreachable());
    expect(listener.isListening).toBe(false);
    await listener.close();
  });
});
