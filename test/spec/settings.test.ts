// The settings as an operator meets them: the page that lists them, `sluice config`, and options of the library.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createProgram, defaultTextOf, fileVariableOf, settingsOf, type Setting } from '@sluice/server/cli';
import { createClient } from 'sluice/internal/client';
import { clientTunables, embeddedTunables, writerTunables } from 'sluice/internal/protocol';
import { createWriter } from 'sluice/internal/writer';
import { expect, onTestFinished, test } from 'vitest';
import { model } from '../support/model.ts';
import { readSluice } from '../support/sluice.ts';

const page = fileURLToPath(new URL('../../docs/reference/settings.md', import.meta.url));
const begin = '<!-- made by UPDATE_SETTINGS=1 npx vitest run test/spec/settings.test.ts -->\n';

const program = await createProgram();
const processes = ['api', 'writer', 'dashboard'];

interface Listed {
  of: string[];
  setting: Setting<unknown>;
  /** Defaults of commands that have another one than the first. */
  others: Map<string, string>;
}

function listed(): Map<string, Listed> {
  const all = new Map<string, Listed>();
  for (const command of program.commands) {
    if (!processes.includes(command.name())) continue;
    for (const [name, setting] of Object.entries(settingsOf(command))) {
      const found = all.get(name);
      if (found === undefined) all.set(name, { of: [command.name()], setting, others: new Map() });
      else {
        found.of.push(command.name());
        const text = defaultTextOf(setting) ?? 'none';
        if (text !== (defaultTextOf(found.setting) ?? 'none')) found.others.set(command.name(), text);
      }
    }
  }
  return all;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`;
  return line(head) + line(head.map(() => '---')) + rows.map(line).join('');
}

function pageText(): string {
  const all = [...listed()];
  const code = (text: string): string => `\`${text.replaceAll('|', '\\|')}\``;
  const defaultOf = ({ setting, others }: Listed): string => {
    if (setting.isRequired === true) return 'required';
    const rest = [...others].map(([command, text]) => `; ${command}: ${text}`).join('');
    return `${defaultTextOf(setting) ?? (rest === '' ? '' : 'none')}${rest}`;
  };
  const common = all
    .filter(([, { setting }]) => setting.cost === undefined)
    .map(([name, each]) => {
      const { of, setting } = each;
      const flags = [setting.flags, setting.file].flatMap((each) => (each === undefined ? [] : [code(each)]));
      const variables = [...(setting.variables ?? []), fileVariableOf(setting) ?? []].flat().map(code);
      return [
        code(name),
        flags.join(', '),
        variables.join(', '),
        defaultOf(each),
        of.join(', '),
        setting.description,
      ];
    });
  const rare = all
    .filter(([, { setting }]) => setting.cost !== undefined)
    .map(([name, each]) => [
      code(name), defaultOf(each), each.of.join(', '), each.setting.description, each.setting.cost ?? '',
    ]); // prettier-ignore
  return (
    `${begin}\n## By flag, variable or file\n\n` +
    table(['key', 'flag', 'variable', 'default', 'of', 'what it does'], common) +
    '\n## In the file only\n\n' +
    table(['key', 'default', 'of', 'what it does', 'what a change costs'], rare)
  );
}

test('docs/reference/settings.md lists every setting of nodes, writers and the dashboard (UPDATE_SETTINGS=1 writes it)', async () => {
  const { format, resolveConfig } = await import('prettier');
  const text = await readFile(page, 'utf8');
  const head = text.slice(0, text.indexOf(begin));
  const wanted = await format(head + pageText(), { ...(await resolveConfig(page)), parser: 'markdown' });
  if (process.env['UPDATE_SETTINGS'] === '1') await writeFile(page, wanted);
  expect(text).toBe(wanted);
});

test('`sluice config` shows what is in force and where it comes from, and no secret', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-config-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'sluice.config.js');
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  await writeFile(
    file,
    `export default { model: 'm.json', lanes: 4, waitMs: 7, listenUrl: 'postgres://me:unlikely@host/db',
      operatorPassword: 'unlikely', bodyKeysMax: 5, writer: { lanes: 8 } };`,
  );
  const environment = { SLUICE_WAIT_MS: '9', DATABASE_URL: 'postgres://you:unlikely@host/db' };
  const { code, text, stderr } = await readSluice(['config', '--json', '--config', file], environment);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(text).not.toContain('unlikely');
  const shown = JSON.parse(text) as { file: string; commands: Record<string, { name: string }[]> };
  expect(shown.file).toBe(file);
  const of = (command: string, name: string): unknown =>
    shown.commands[command]!.find((each) => each.name === name);
  const open = { isSecret: false };
  expect(of('api', 'waitMs')).toEqual({
    ...open,
    name: 'waitMs',
    value: 9,
    kind: 'environment',
    source: 'SLUICE_WAIT_MS',
  });
  expect(of('api', 'lanes')).toEqual({
    ...open,
    name: 'lanes',
    value: 4,
    kind: 'file',
    source: `lanes in ${file}`,
  });
  expect(of('writer', 'lanes')).toMatchObject({ value: 8, kind: 'file' });
  expect(of('api', 'bodyKeysMax')).toMatchObject({ value: 5, kind: 'file' });
  expect(of('api', 'drainMs')).toMatchObject({ value: 10_000, kind: 'default' });
  expect(of('api', 'model')).toMatchObject({ value: [join(folder, 'm.json')] });
  expect(of('api', 'databaseUrl')).toMatchObject({
    isSecret: true,
    value: 'postgres://you@host/db',
    kind: 'environment',
  });
  expect(of('api', 'listenUrl')).toMatchObject({
    isSecret: true,
    value: 'postgres://me@host/db',
    kind: 'file',
  });
  expect(of('api', 'operatorPassword')).toMatchObject({ isSecret: true, value: null, kind: 'file' });
});

test('`sluice config` shows a person a duration with its unit', async () => {
  const { text } = await readSluice(['config', 'status'], { SLUICE_OLDER_THAN: '90' });
  expect(text).toMatch(/^ +olderThan +90s +SLUICE_OLDER_THAN$/m);
  const status = program.commands.find((each) => each.name() === 'status')!;
  const { schema, toText } = settingsOf(status)['olderThan']!;
  const texts = ['120', '24h', '1500ms', '0s', '7d'].map((given) => toText?.(schema.parse(given)));
  expect(texts).toEqual(['2m', '1d', '1500ms', '0s', '7d']);
});

const url = 'postgres://127.0.0.1:1/none';

test.each(Object.entries({ ...clientTunables, ...embeddedTunables }))(
  'a client takes %s within its range only',
  (name, { from, to }) => {
    const make = (value: unknown) => () => createClient({ url, model, [name]: value });
    const form = `Cannot start: ${name} is not a whole number from ${from} to ${to}`;
    for (const value of [from - 1, to + 1, from + 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(make(value)).toThrow(`${form}: ${value}`);
    }
    for (const value of ['8', null, {}]) expect(make(value)).toThrow(new RegExp(`^${form}$`));
    for (const value of [from, to, undefined]) expect(make(value)).not.toThrow();
  },
);

test.each(Object.entries(writerTunables))('a writer takes %s within its range only', (name, { from, to }) => {
  const make = (value: unknown) => () => createWriter({ url, model, [name]: value });
  for (const value of [from - 1, to + 1, '8']) {
    expect(make(value)).toThrow(
      `Cannot create the writer: ${name} is not a whole number from ${from} to ${to}`,
    );
  }
  for (const value of [from, to]) expect(make(value)).not.toThrow();
});
