import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { operatorUrlOf } from './database-url.ts';
import { readSettings } from './setting.ts';
import { databaseUrl } from './database-settings.ts';
import { token } from './settings.ts';

const settings = { databaseUrl, token };
const url = 'postgres://somebody:unlikely@127.0.0.1/none';

test.each([
  url,
  'postgres://127.0.0.1/none?user=a&password=unlikely',
  `postgres://127.0.0.1:5432/none,${url}`,
  'postgres://somebody:unlikely@127.0.0.1,127.0.0.2/none',
])('a password in the arguments is refused and not repeated: %s', (given) => {
  const read = () => readSettings(settings, { databaseUrl: given }, {});
  expect(read).toThrow('Cannot start: --database-url holds a password');
  expect(read).not.toThrow('unlikely');
});

test.each([
  'postgres://somebody@127.0.0.1:5432/none',
  'postgres://127.0.0.1:5432/none,postgres://somebody@127.0.0.2:5432/none',
])('a URL without a password may be an argument: %s', (given) => {
  expect(readSettings(settings, { databaseUrl: given }, {}).databaseUrl).toBe(given);
});

test('secrets are read from files that a flag or a variable names', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-secret-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'url');
  writeFileSync(file, `${url}\n`);
  expect(readSettings(settings, { databaseUrlFile: file }, {}).databaseUrl).toBe(url);
  expect(readSettings(settings, {}, { DATABASE_URL_FILE: file }).databaseUrl).toBe(url);
  writeFileSync(file, 'sluice_000000000000_x\n');
  expect(readSettings(settings, {}, { SLUICE_TOKEN_FILE: file }).token).toBe('sluice_000000000000_x');
  expect(() => readSettings(settings, { databaseUrlFile: join(folder, 'none') }, {})).toThrow(
    'Cannot start: --database-url-file names no file',
  );
});

test('a password of operators is put into each URL that has a role and no password', () => {
  const operatorPassword = 'p#a@s:s/$&';
  const encoded = 'p%23a%40s%3As%2F%24%26';
  expect(operatorUrlOf({ operatorPassword, operatorUrl: 'postgres://ops@a:1,b/db' })).toBe(
    `postgres://ops:${encoded}@a:1,b/db`,
  );
  expect(operatorUrlOf({ operatorPassword, operatorUrl: 'postgres://ops@a/db,postgres://ops@b/db' })).toBe(
    `postgres://ops:${encoded}@a/db,postgres://ops:${encoded}@b/db`,
  );
  expect(operatorUrlOf({ operatorUrl: url })).toBe(url);
  for (const operatorUrl of [undefined, url, 'postgres://127.0.0.1/none']) {
    expect(() => operatorUrlOf({ operatorPassword, operatorUrl })).toThrow(
      'Cannot start: SLUICE_OPERATOR_PASSWORD needs SLUICE_OPERATOR_URL with a role and without a password',
    );
  }
});
