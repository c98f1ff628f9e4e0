import { Command } from 'commander';
import { SluiceError } from 'sluice/internal/protocol';
import { describe, expect, test } from 'vitest';
import { redactUrl, requireDatabaseUrl } from './database-url.ts';
import { addSettings, readSettings } from './setting.ts';
import { databaseUrl } from './database-settings.ts';
import { lanes, modelFiles, nodeUrls, notifications, port } from './settings.ts';

const settings = { lanes, notifications, port };

function refusalOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof SluiceError && error.entry.exitCode === 2) return error.message;
    throw error;
  }
  return 'nothing was refused';
}

describe('a setting', () => {
  test('a setting comes from the flag, else from the environment, else from its default', () => {
    const environment = { SLUICE_LANES: '8', SLUICE_NOTIFICATIONS: 'off' };
    expect(readSettings(settings, { lanes: '4' }, environment)).toEqual({
      lanes: 4,
      notifications: false,
      port: 8080,
    });
    expect(readSettings(settings, {}, {})).toEqual({ lanes: 16, notifications: true, port: 8080 });
  });

  test('a setting takes the first of its variables that is set', () => {
    expect(readSettings({ port }, {}, { PORT: '1', SLUICE_PORT: '2' })).toEqual({ port: 2 });
    expect(readSettings({ port }, {}, { PORT: '1', SLUICE_PORT: '' })).toEqual({ port: 1 });
  });

  test.each([
    [{ SLUICE_LANES: 'x' }, "Cannot start: SLUICE_LANES is not a whole number from 1 to 1024: 'x'"],
    [{ SLUICE_LANES: '0' }, "Cannot start: SLUICE_LANES is not a whole number from 1 to 1024: '0'"],
    [{ SLUICE_LANES: '1e2' }, "Cannot start: SLUICE_LANES is not a whole number from 1 to 1024: '1e2'"],
    [{ SLUICE_NOTIFICATIONS: 'yes' }, "Cannot start: SLUICE_NOTIFICATIONS is not on or off: 'yes'"],
  ])('a refused setting is named by its variable, with its form: %j', (environment, sentence) => {
    expect(refusalOf(() => readSettings(settings, {}, environment))).toBe(sentence);
  });

  test('a refused setting is named by its flag if the flag gave it', () => {
    const sentence = refusalOf(() => readSettings(settings, { lanes: '-1' }, { SLUICE_LANES: '8' }));
    expect(sentence).toBe("Cannot start: --lanes is not a whole number from 1 to 1024: '-1'");
  });

  test('a missing required setting is reported with all its names', () => {
    expect(refusalOf(() => readSettings({ modelFiles }, {}, {}))).toBe(
      'Cannot start: --model or SLUICE_MODEL is missing: the path of a model file',
    );
  });

  test('a setting never shows a secret', () => {
    const environment = { DATABASE_URL: 'mysql://root:secret@host/db' };
    expect(refusalOf(() => readSettings({ databaseUrl }, {}, environment))).toBe(
      'Cannot start: DATABASE_URL is not a postgres:// URL',
    );
  });

  test('a list setting takes a repeated flag, and commas', () => {
    const command = addSettings(new Command(), { modelFiles, nodeUrls });
    command.parse(['--model', 'a', '--model', 'b', '--nodes', 'http://a:1/,http://b:2'], { from: 'user' });
    expect(readSettings({ modelFiles, nodeUrls }, command.opts(), {})).toEqual({
      modelFiles: ['a', 'b'],
      nodeUrls: ['http://a:1', 'http://b:2'],
    });
  });

  test('a setting shows its variables and default in the help', () => {
    const help = addSettings(new Command(), settings).helpInformation().replaceAll(/\s+/g, ' ');
    expect(help).toContain('(env: SLUICE_LANES; default: 16)');
    expect(help).toContain('(env: SLUICE_NOTIFICATIONS; default: on)');
  });
});

describe('a database URL', () => {
  test('a database URL is made of the PG* variables where none is given', () => {
    const environment = {
      PGHOST: '/var/run',
      PGUSER: 'a b',
      PGPORT: '5433',
      PGDATABASE: 'd',
      PGPASSWORD: 'secret',
    };
    expect(requireDatabaseUrl({}, environment)).toBe('postgres://a%20b@%2Fvar%2Frun:5433/d');
  });

  test('a missing database URL is reported with its names', () => {
    expect(refusalOf(() => requireDatabaseUrl({}, {}))).toContain('DATABASE_URL is missing');
  });

  test.each([
    ['postgres://u:p@h:1/d', 'postgres://u@h:1/d'],
    ['postgres://u:p@h/d?password=p', 'postgres://u@h/d'],
    ['postgres://h/d', 'postgres://h/d'],
    ['postgres://u:p@h,i:2/d', 'postgres://u@h,i:2/d'],
    ['postgres://u:p@h/d,postgres://u:q@i/d', 'postgres://u@h/d,postgres://u@i/d'],
    ['nonsense', 'postgres://…'],
  ])('a database URL is shown without its password: %s', (url, shown) => {
    expect(redactUrl(url)).toBe(shown);
  });
});
