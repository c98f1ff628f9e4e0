import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { isBuildFresh } from './code.ts';

test('a build is not fresh if a file of SQL was added, changed or removed after it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-code-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const packages = join(folder, 'packages');
  const migrations = join(folder, 'sql/migrations');
  mkdirSync(migrations, { recursive: true });
  const isFreshAfter = (change: () => void): boolean => {
    rmSync(migrations, { recursive: true });
    mkdirSync(migrations);
    for (const name of ['0001.sql', '0002.sql']) writeFileSync(join(migrations, name), 'select 1');
    cpSync(join(folder, 'sql'), join(packages, 'sluice/sql'), { recursive: true });
    change();
    return isBuildFresh(packages);
  };
  expect(isFreshAfter(() => undefined)).toBe(true);
  expect(isFreshAfter(() => writeFileSync(join(migrations, '0003.sql'), 'select 1'))).toBe(false);
  expect(isFreshAfter(() => writeFileSync(join(migrations, '0002.sql'), 'select 2'))).toBe(false);
  expect(isFreshAfter(() => rmSync(join(migrations, '0002.sql')))).toBe(false);
});
