// What the help of every command says of its settings.

import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { settingsOf } from './commands/command.ts';
import { defaultTextOf } from './config/setting.ts';
import { createProgram } from './program.ts';

const commandsBelow = (command: Command): Command[] => [command, ...command.commands.flatMap(commandsBelow)];
const commands = commandsBelow(await createProgram());
const settings = commands.flatMap((command) =>
  Object.entries(settingsOf(command)).map(([key, setting]) => ({
    name: `${command.name()}: ${key}`,
    key,
    setting,
  })),
);

test('each default in the help is a value that the option takes, and has its unit', () => {
  const wrong = settings.filter(({ setting }) => {
    const { fallback, flags = '', schema } = setting;
    const text = defaultTextOf(setting);
    if (fallback === undefined || text === undefined || text === 'none') return false;
    if (flags.includes('<duration>') && !/[a-z]$/.test(text)) return true;
    const parsed = schema.safeParse(text);
    return !parsed.success || JSON.stringify(parsed.data) !== JSON.stringify(fallback);
  });
  expect(wrong.map(({ name, setting }) => `${name}: ${defaultTextOf(setting)}`)).toEqual([]);
});

test('a default stands at the end of the help of its option', () => {
  const wrong = settings.filter(({ setting }) => /\bdefault:/i.test(setting.description));
  expect(wrong.map(({ name }) => name)).toEqual([]);
});

test('a duration without a fixed default says in the help what holds without it', () => {
  const silent = settings.filter(
    ({ setting }) =>
      /<(?:duration|seconds)>/.test(setting.flags ?? '') &&
      defaultTextOf(setting) === undefined &&
      setting.isRequired !== true,
  );
  expect(silent.map(({ name }) => name)).toEqual([]);
});

test('the help of an option names other options by their flags, not by their keys', () => {
  const keys = new Set(settings.map(({ key }) => key).filter((key) => /[A-Z]/.test(key)));
  const wrong = settings.filter(
    ({ setting: { flags, description } }) =>
      flags !== undefined && description.split(/\W+/).some((word) => keys.has(word)),
  );
  expect(wrong.map(({ name }) => name)).toEqual([]);
});

test('the summary of a group of commands names each of its commands', () => {
  const groups = commands.filter((command) => command.parent !== null && command.commands.length > 0);
  expect(groups.length).toBeGreaterThan(3);
  const wrong = groups.flatMap((group) =>
    group.commands.map((each) => each.name()).filter((name) => !group.summary().split(/\W+/).includes(name)),
  );
  expect(wrong).toEqual([]);
});
