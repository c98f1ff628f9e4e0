import { expect, onTestFinished, test } from 'vitest';
import { Session } from '#store';
import { useDatabase } from '../../../../test/support/database.ts';
import { startProxy } from '../../../../test/support/proxy.ts';
import { leaseOwnership } from './lease-ownership.ts';

const database = useDatabase();

test('a session awaits the renewal of its leases no longer than a lease', { timeout: 20_000 }, async () => {
  const proxy = await startProxy(database.url);
  const session = await Session.open({ url: proxy.url, applicationName: 'test session' });
  onTestFinished(() => session.close());
  const ownership = leaseOwnership(session, crypto.randomUUID());
  const demand = { sessions: 1, load: 'busy', busyPercent: 0 } as const;
  await ownership.join(demand);
  proxy.blackhole();
  await expect(ownership.join(demand)).rejects.toMatchObject({ isConnectionLoss: true });
});
