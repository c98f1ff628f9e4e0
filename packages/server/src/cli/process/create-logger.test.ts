import fs from 'node:fs';
import { FailureLog } from 'sluice/internal/protocol';
import { expect, onTestFinished, test, vi } from 'vitest';
import { createLogger } from './create-logger.ts';

test('a log has only the fields of the list, even for lines of libraries', () => {
  const written: string[] = [];
  const write = vi.spyOn(fs, 'writeSync').mockImplementation((_file, text) => {
    written.push(text);
    return text.length;
  });
  onTestFinished(() => write.mockRestore());
  const logger = createLogger('info', { process: 'api' });
  logger.info({ status: 201, body: 'Secretia', client: 'Secretia', err: new Error('Secretia') }, 'request');
  logger.child({ ms: 1 }).error({ code: 'internal', document: { firstName: 'Secretia' } }, 'failed');
  const lines = written.join('').trim().split('\n');
  expect(lines.map((line) => Object.keys(JSON.parse(line) as object).toSorted())).toEqual([
    ['level', 'msg', 'pid', 'process', 'status', 'time'],
    ['code', 'level', 'ms', 'msg', 'pid', 'process', 'time'],
  ]);
  expect(lines.join()).not.toContain('Secretia');
});

test('a repeated failure is logged with its cause and its count', () => {
  const written: string[] = [];
  const write = vi.spyOn(fs, 'writeSync').mockImplementation((_file, text) => {
    written.push(text);
    return text.length;
  });
  onTestFinished(() => write.mockRestore());
  let now = 0;
  const log = new FailureLog(createLogger('info', {}), () => now);
  const cause = Object.assign(new Error('PostgreSQL error 42501 in settleWrites'), { sqlState: '42501' });
  for (; now <= 20_000; now += 5000) log.note(new Error('Secretia', { cause }), 'settle a batch');
  const lines = written.map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines).toMatchObject([
    { doing: 'settle a batch', cause: { sqlState: '42501' } },
    { doing: 'settle a batch', cause: { sqlState: '42501' }, repeated: 1 },
    { doing: 'settle a batch', cause: { sqlState: '42501' }, repeated: 1 },
  ]);
  expect(written.join()).not.toContain('Secretia');
});
