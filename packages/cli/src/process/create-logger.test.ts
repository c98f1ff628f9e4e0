import fs from 'node:fs';
import { expect, onTestFinished, test, vi } from 'vitest';
import { createLogger } from './create-logger.ts';

test('a log has the fields of the list and no others, whoever logs them', () => {
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
