import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { makeFolder } from './make-folder.ts';

test('makeFolder creates missing parents, and may run again', async () => {
  const root = await mkdtemp(join(tmpdir(), 'sluice-folder-'));
  onTestFinished(() => rm(root, { recursive: true }));
  for (let time = 0; time < 2; time++) await makeFolder(join(root, 'a', 'b'));
  expect((await stat(join(root, 'a', 'b'))).isDirectory()).toBe(true);
});

test('makeFolder names the file that is in the way', async () => {
  const root = await mkdtemp(join(tmpdir(), 'sluice-folder-'));
  onTestFinished(() => rm(root, { recursive: true }));
  await writeFile(join(root, 'file'), '');
  await expect(makeFolder(join(root, 'file', 'a'))).rejects.toMatchObject({ code: 'ENOTDIR' });
});

test.runIf(process.platform === 'linux')(
  'makeFolder ends with an error where the system creates no folder',
  async () => {
    await expect(makeFolder('/proc/sluice/a')).rejects.toMatchObject({
      code: 'ENOENT',
      path: '/proc/sluice',
    });
  },
);
