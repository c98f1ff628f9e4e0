import { DatabaseError } from '@sluice/store';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { FailureLog } from './failure-log.ts';

const away = new DatabaseError({ sqlState: null, message: 'connection failed: ECONNREFUSED' });

test('the same failure is told once, and after ten seconds how often it came since', () => {
  const lines: Record<string, unknown>[] = [];
  let now = 0;
  const logger = pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const log = new FailureLog(logger, () => now);
  for (let request = 0; request < 500; request++) log.note(away, 'findKeys');
  log.note(away, 'look for outcomes');
  log.note(new DatabaseError({ sqlState: '57P03', message: 'PostgreSQL error 57P03' }), 'findKeys');
  expect(lines.map(({ doing, sqlState, repeated }) => [doing, sqlState, repeated])).toEqual([
    ['findKeys', null, undefined],
    ['look for outcomes', null, undefined],
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
