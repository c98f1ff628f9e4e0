import { expect, test } from 'vitest';
import { FailureLog } from './failure-log.ts';

const databaseError = (sqlState: string | null, message: string): Error =>
  Object.assign(new Error(message), { sqlState });
const away = databaseError(null, 'connection failed: ECONNREFUSED');

test('a repeated failure is logged once, and after ten seconds with its count', () => {
  const lines: Record<string, unknown>[] = [];
  let now = 0;
  const write = (fields: object): void => void lines.push(fields as Record<string, unknown>);
  const logger = { warn: write, error: write };
  const log = new FailureLog(logger, () => now);
  for (let request = 0; request < 500; request++) log.note(away, 'findKeys');
  log.note(away, 'poll for outcomes');
  log.note(databaseError('57P03', 'PostgreSQL error 57P03'), 'findKeys');
  expect(lines.map(({ doing, sqlState, repeated }) => [doing, sqlState, repeated])).toEqual([
    ['findKeys', null, undefined],
    ['poll for outcomes', null, undefined],
    ['findKeys', '57P03', undefined],
  ]);
  lines.length = 0;
  now = 9_999;
  log.note(away, 'findKeys');
  expect(lines).toEqual([]);
  now = 10_000;
  log.note(away, 'findKeys');
  expect(lines).toMatchObject([{ doing: 'findKeys', repeated: 500 }]);
});
