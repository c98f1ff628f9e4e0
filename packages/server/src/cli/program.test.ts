import { expect, test } from 'vitest';
import { createProgram, createProgramFor } from './program.ts';

test('a command is loaded alone under its own name', async () => {
  const names = (await createProgram()).commands.map((command) => command.name());
  expect(names.length).toBeGreaterThan(20);
  for (const name of names)
    expect((await createProgramFor([name, '--json'])).commands.map((command) => command.name())).toEqual([
      name,
    ]);
});

test.each([[[]], [['--help']], [['toString']], [['statsu']]])('%j loads every command', async (args) => {
  const { commands } = await createProgramFor(args);
  expect(commands).toHaveLength((await createProgram()).commands.length);
});
