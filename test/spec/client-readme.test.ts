// What packages/client/README.md shows is run as it stands there.

import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { parseModel } from '@sluice/model';
import { createWriter } from '@sluice/writer';
import { expect, onTestFinished, test } from 'vitest';
import { useDatabase } from '../support/database.ts';

const database = useDatabase();

test('the example of the client runs, and says what it should', async () => {
  const folder = fileURLToPath(new URL('../../packages/client/', import.meta.url));
  const example = /```ts\n(.*?)```/s.exec(readFileSync(`${folder}README.md`, 'utf8'))?.[1] ?? '';
  const project = 'Shop';
  const model = parseModel({
    project,
    resources: [{ name: 'Order', endpoint: 'shop/orders', identity: ['$.number'] }],
  });
  const writer = createWriter({ url: database.writerUrl, model });
  onTestFinished(() => writer.stop());
  await writer.start();
  // Where its imports are found.
  const file = `${folder}example-of-readme.ts`;
  onTestFinished(() => rmSync(file, { force: true }));
  writeFileSync(file, example);
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--conditions=source', '--import', 'tsx', file],
    { env: { ...process.env, DATABASE_URL: database.apiUrl } },
  );
  expect(stdout).toMatch(/^created 1 \{.*"number": ?7.*\}\n$/);
});
