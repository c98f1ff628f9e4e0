import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { apiTunables } from 'sluice/internal/protocol';
import { createProgram } from '../program.ts';
import { readConfigOf } from '../commands/command.ts';
import { readConfigFile } from './config-file.ts';
import { readSettings } from './setting.ts';
import { databaseSettings } from './database-settings.ts';
import { tunableSettings } from './setting-forms.ts';
import { basePath, lanes, modelFiles, notifications, token } from './settings.ts';

const settings = {
  lanes,
  notifications,
  model: modelFiles,
  databaseUrl: databaseSettings.databaseUrl,
  token,
};

/** Writes files into a folder of their own, which is its answer. */
function folderOf(files: Readonly<Record<string, unknown>>): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'sluice-config-')));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return folder;
}

const json = 'sluice.config.json';
const readIn = async (folder: string, command = 'api') => {
  const file = await readConfigFile(undefined, command, folder);
  return readSettings({ ...settings, basePath }, {}, {}, file);
};

/** As the command would, which knows the keys of all. */
async function refusalOf(content: unknown, command = 'writer'): Promise<string> {
  const folder = folderOf({ [json]: content });
  const found = (await createProgram()).commands.find((each) => each.name() === command)!;
  try {
    const file = await readConfigOf(found, { config: join(folder, json) });
    readSettings({ ...settings, model: { ...modelFiles, isRequired: false } }, {}, {}, file);
    return 'nothing was refused';
  } catch (error) {
    return (error as Error).message.replaceAll(folder, '');
  }
}

describe('the configuration file', () => {
  test('the configuration file comes after flag and environment, and before the default', async () => {
    const folder = folderOf({ [json]: { lanes: 4, notifications: false, model: ['m.json'] } });
    const file = await readConfigFile(undefined, 'api', folder);
    const lanesOf = (flags: Record<string, string>, environment: Record<string, string>): number =>
      readSettings(settings, flags, environment, file).lanes;
    expect(lanesOf({ lanes: '1' }, { SLUICE_LANES: '2' })).toBe(1);
    expect(lanesOf({}, { SLUICE_LANES: '2' })).toBe(2);
    expect(lanesOf({}, {})).toBe(4);
    expect(readSettings(settings, {}, { SLUICE_NOTIFICATIONS: 'on' }, file)).toMatchObject({
      notifications: true,
    });
  });

  test('the configuration file is found in the nearest folder above, and its paths start there', async () => {
    const folder = folderOf({
      [json]: { lanes: 4, model: ['a.json', '/b.json'] },
      'deep/down/x': '',
      'other/sluice.config.js': 'export default { lanes: 5, model: "c.json" }',
      'other/deep/x': '',
    });
    expect(await readIn(join(folder, 'deep/down'))).toMatchObject({
      lanes: 4,
      model: [join(folder, 'a.json'), '/b.json'],
    });
    expect(await readIn(join(folder, 'other/deep'))).toMatchObject({
      lanes: 5,
      model: [join(folder, 'other/c.json')],
    });
  });

  test('the configuration file is the one that is named, or none', async () => {
    const folder = folderOf({ [json]: { lanes: 4 }, 'own.json': { lanes: 6 } });
    expect((await readConfigFile('own.json', 'api', folder))?.values).toEqual({ lanes: 6 });
    expect(await readConfigFile('none', 'api', folder)).toBeNull();
    await expect(readConfigFile('missing.json', 'api', folder)).rejects.toThrow(
      `Cannot start: --config names no file: ${join(folder, 'missing.json')}`,
    );
  });

  test('the configuration file has sections for single commands, which come first', async () => {
    const folder = folderOf({ [json]: { model: 'm', lanes: 4, basePath: '/all', api: { basePath: '' } } });
    expect(await readIn(folder, 'api')).toMatchObject({ lanes: 4, basePath: '' });
    expect(await readIn(folder, 'dashboard')).toMatchObject({ lanes: 4, basePath: '/all' });
  });

  test('the configuration file may name the file of a secret', async () => {
    const folder = folderOf({ [json]: { model: 'm', tokenFile: 'token' }, token: 'sluice_x\n' });
    expect(await readIn(folder)).toMatchObject({ token: 'sluice_x' });
  });

  test('a folder with both forms of the configuration file is refused', async () => {
    const folder = folderOf({ [json]: {}, 'sluice.config.js': 'export default {}' });
    await expect(readConfigFile(undefined, 'api', folder)).rejects.toThrow(
      `${folder} holds sluice.config.js and sluice.config.json: keep one of them`,
    );
  });

  test.each([
    [{ lane: 4 }, 'Cannot start: /sluice.config.json has an unknown key: lane'],
    [{ config: 'x' }, 'Cannot start: /sluice.config.json has an unknown key: config'],
    [{ constructor: 1 }, 'Cannot start: /sluice.config.json has an unknown key: constructor'],
    [
      { writers: { lanes: 1 } },
      'Cannot start: /sluice.config.json has a key that `sluice writers` does not take: writers.lanes',
    ],
    [
      { writer: { port: 1 } },
      'Cannot start: /sluice.config.json has a key that `sluice writer` does not take: writer.port',
    ],
    [{ wirter: {} }, 'Cannot start: /sluice.config.json has a section for an unknown command: wirter'],
    // Of another command, and so none of this one's business.
    [{ port: 'x', api: { waitMs: -1 }, load: { nodeUrls: 'x' } }, 'nothing was refused'],
    [{ lanes: 0 }, "Cannot start: lanes in /sluice.config.json is not a whole number from 1 to 1024: '0'"],
    [
      { writer: { lanes: 1.5 } },
      "Cannot start: lanes in /sluice.config.json is not a whole number from 1 to 1024: '1.5'",
    ],
    [{ lanes: null }, 'Cannot start: lanes in /sluice.config.json is not a whole number from 1 to 1024'],
    [{ lanes: [[1]] }, 'Cannot start: lanes in /sluice.config.json is not a whole number from 1 to 1024'],
    [
      { databaseUrl: 'mysql://a:unlikely@b' },
      'Cannot start: databaseUrl in /sluice.config.json is not a postgres:// URL',
    ],
    [[], 'Cannot start: /sluice.config.json is not an object of settings'],
    ['{ "databaseUrl": "unlikely" ', 'Cannot start: /sluice.config.json cannot be read as JSON'],
    [
      '{ "port": 1, "api": { "port": 2 }, "port": 3 }',
      'Cannot start: /sluice.config.json has the key "port" twice',
    ],
  ])('the configuration file %j is refused: %s', async (content, sentence) => {
    expect(await refusalOf(content)).toBe(sentence);
  });

  test('rare settings are read from the configuration file alone, and their variables are refused', () => {
    expect(() => readSettings(tunableSettings(apiTunables), {}, { SLUICE_BODY_KEYS_MAX: '5' })).toThrow(
      'Cannot start: SLUICE_BODY_KEYS_MAX is set, but bodyKeysMax belongs in the configuration file',
    );
    const settings = tunableSettings(apiTunables);
    expect(readSettings(settings, {}, { SLUICE_BODY_BYTES_MAX: '2048' }).bodyBytesMax).toBe(2048);
  });
});
