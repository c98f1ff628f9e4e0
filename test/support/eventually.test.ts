import { expect, test } from 'vitest';
import { eventually } from './eventually.ts';

test('`eventually` gives what the first try that holds returns', async () => {
  let tries = 0;
  const third = (): string => {
    tries += 1;
    expect(tries).toBe(3);
    return 'third';
  };
  expect(await eventually(third, { intervalMs: 1 })).toBe('third');
});

test('`eventually` throws the last error, and not before ten tries, however long one takes', async () => {
  let tries = 0;
  const failing = (): never => {
    tries += 1;
    throw new Error(`try ${tries}`);
  };
  await expect(eventually(failing, { timeoutMs: -1, intervalMs: 1 })).rejects.toThrow('try 10');
});
