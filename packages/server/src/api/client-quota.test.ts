import { describe, expect, test } from 'vitest';
import { ClientQuota } from './client-quota.ts';

function setup(options: { requestsMax?: number; ratePerSecond?: number } = {}) {
  const clock = { now: 5_000 };
  const quota = new ClientQuota({
    requestsMax: options.requestsMax ?? 1_000,
    ratePerSecond: options.ratePerSecond ?? 0,
    now: () => clock.now,
  });
  return { clock, quota };
}

describe('a client', () => {
  test('a client may have a fixed number of requests under way, whatever other clients have', () => {
    const { quota } = setup({ requestsMax: 2 });
    quota.enter('a');
    quota.enter('a');
    expect(() => quota.enter('a')).toThrow('This client already has 2 requests under way.');
    quota.enter('b');
    quota.leave('a');
    quota.enter('a');
    expect(() => quota.enter('a')).toThrow(expect.objectContaining({ code: 'rate_limited' }));
  });

  test('a client may send the requests of one second together, and then at its rate', () => {
    const { quota, clock } = setup({ ratePerSecond: 4 });
    const asked = () => {
      try {
        quota.enter('a');
        return 'taken';
      } catch (error) {
        return (error as { retryAfterSeconds: number }).retryAfterSeconds;
      }
    };
    expect([1, 2, 3, 4, 5].map(asked)).toEqual(['taken', 'taken', 'taken', 'taken', 0.25]);
    clock.now += 250;
    expect([1, 2].map(asked)).toEqual(['taken', 0.25]);
    clock.now += 60_000;
    expect([1, 2, 3, 4, 5].map(asked)).toEqual(['taken', 'taken', 'taken', 'taken', 0.25]);
  });

  test('a client keeps its quota used while many other clients come and go', () => {
    const { quota, clock } = setup({ ratePerSecond: 1, requestsMax: 1 });
    quota.enter('a');
    clock.now += 5_000;
    for (let other = 0; other < 3_000; other++) quota.take(`other ${other}`);
    expect(() => quota.enter('a')).toThrow('under way');
  });
});
