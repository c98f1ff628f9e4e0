import { expect, test } from 'vitest';
import { BlockedQuota } from './blocked-quota.ts';

test('writes of one client that come together share one count of its blocked writes', async () => {
  let counts = 0;
  const run = async (): Promise<{ blocked: number }[]> => {
    counts += 1;
    await Promise.resolve();
    return [{ blocked: 5 }];
  };
  const quota = new BlockedQuota({ blockedWritesMax: 5, run });
  const checks = await Promise.allSettled([quota.check('a'), quota.check('a'), quota.check('b')]);
  expect(counts).toBe(2);
  const isRefused = { reason: { code: 'rate_limited' } };
  expect(checks).toMatchObject([isRefused, isRefused, isRefused]);
});

test('a count of blocked writes that failed is made again', async () => {
  const answers = [() => Promise.reject(new Error('away')), () => Promise.resolve([{ blocked: 0 }])];
  const quota = new BlockedQuota({ blockedWritesMax: 5, run: () => answers.shift()!() });
  await expect(quota.check('a')).rejects.toThrow('away');
  await quota.check('a');
  expect(answers).toEqual([]);
});
