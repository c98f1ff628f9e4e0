/** The page of commands: their `--help` as Markdown. */

import { createProgram } from '@sluice/server/cli';
import { cell, table } from './table.ts';

type Command = Awaited<ReturnType<typeof createProgram>>;

export async function commandReference(): Promise<string> {
  const program = await createProgram();
  const { commands } = program;
  return [
    '# Commands',
    '',
    `${program.description()}. The page is generated from the command line itself: \`sluice COMMAND --help\` prints the same text.`,
    '',
    'Environment variables and keys of the configuration file: [Settings](../docs/reference/settings.md).',
    '',
    table(
      ['command', 'what it does'],
      commands.map((each) => [`[\`${each.name()}\`](#sluice-${each.name()})`, cell(each.summary())]),
    ),
    ...commands.map((each) => section(each, 'sluice', 2)),
  ].join('\n');
}

function section(command: Command, parent: string, level: number): string {
  const help = command.createHelp();
  const name = `${parent} ${command.name()}`;
  const options = help.visibleOptions(command);
  return [
    '',
    `${'#'.repeat(level)} ${name}`,
    '',
    cell(command.description()),
    '',
    '```',
    help.commandUsage(command),
    '```',
    '',
    table(
      ['argument', 'what it is'],
      help
        .visibleArguments(command)
        .map((each) => [`\`${each.name()}\``, cell(help.argumentDescription(each))]),
    ),
    table(
      ['option', 'what it does'],
      options.map((each) => [
        `\`${help.optionTerm(each).replaceAll('|', '\\|')}\``,
        cell(help.optionDescription(each)),
      ]),
    ),
    ...command.commands.map((each) => section(each, name, level + 1)),
  ].join('\n');
}
