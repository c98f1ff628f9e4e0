import type { Command } from 'commander';
import { SluiceError } from 'sluice/internal/protocol';
import type { ConfigFile } from '../config/config-file.ts';
import { redactUrl, requireDatabaseUrl } from '../config/database-url.ts';
import { findGiven, textOf, valueOf, type Given, type Setting } from '../config/setting.ts';
import { printJson, printLine } from '../process/output.ts';
import { createCommand, readConfigOf, settingsOf } from './command.ts';

interface Shown {
  name: string;
  /** Null: no value, or a secret. */
  value: unknown;
  isSecret: boolean;
  kind: Given['kind'];
  source: string;
}

export const configCommand = () => {
  const command: Command = createCommand({
    name: 'config',
    summary: 'show the effective settings and the source of each',
    description:
      'Shows the settings that a node, a writer or the named command would use if it started here: each ' +
      'setting, its value, and its source: an environment variable, the configuration file or the default. Options of the ' +
      'command line would override all of these. Secrets and passwords in URLs are hidden.',
    settings: {},
    extend: (it) => it.argument('[command]', 'command whose settings to show (default: api and writer)'),
    async run(_values, flags, [name]) {
      // This command is loaded alone; it shows the settings of others.
      const { createProgram } = await import('../program.ts');
      const { commands } = await createProgram();
      const isJson = flags['json'] === true;
      const shown = await Promise.all(
        (name === undefined ? ['api', 'writer'] : [name]).map(async (section) => {
          const found = commands.find((each) => each.name() === section);
          if (found === undefined) {
            const [group = ''] = section.split(/\s/);
            const isPartOf = group !== section && commands.some((each) => each.name() === group);
            throw new SluiceError(
              'configuration_invalid',
              `Cannot show the settings: ${isPartOf ? `give only ${group}, which has the settings of all its commands` : `there is no command ${section}`}`,
            );
          }
          const file = await readConfigOf(command, flags, section);
          return { section, file, settings: showAll(found, file, isJson) };
        }),
      );
      if (isJson) {
        const settingsOfAll = Object.fromEntries(shown.map(({ section, settings }) => [section, settings]));
        return printJson({ file: shown[0]?.file?.path ?? null, commands: settingsOfAll });
      }
      printLine(`Configuration file: ${shown[0]?.file?.path ?? 'none'}`);
      for (const { section, settings } of shown) {
        printLine('');
        printLine(`sluice ${section}`);
        for (const line of linesOf(settings)) printLine(line);
      }
    },
  });
  return command;
};

/** @param isExact Values as the program has them; else as a person writes them, with their units. */
function showAll(command: Command, file: ConfigFile | null, isExact: boolean): Shown[] {
  const all = [command, ...command.commands].flatMap((each) => Object.entries(settingsOf(each)));
  return [...new Map(all)]
    .filter(([name]) => name !== 'config')
    .map(([name, definition]) => {
      const shown = show(name, definition, file);
      const { toText } = definition;
      return isExact || shown.value === null || toText === undefined
        ? shown
        : { ...shown, value: toText(shown.value) };
    });
}

/** @throws {SluiceError} `configuration_invalid` for a value that a process would refuse */
function show(name: string, definition: Setting<unknown>, file: ConfigFile | null): Shown {
  const given = findGiven(name, definition, { flags: {}, environment: process.env, config: file });
  const { kind, source } = given;
  const isSecret = definition.isSecret === true;
  const value = valueOf(definition, given);
  if (name === 'databaseUrl' && value === undefined && (process.env['PGHOST'] ?? process.env['PGDATABASE'])) {
    const url = redactUrl(requireDatabaseUrl({}));
    return { name, value: url, isSecret, kind: 'environment', source: 'PGHOST, PGPORT, PGUSER, PGDATABASE' };
  }
  if (!isSecret || value === undefined) return { name, value: value ?? null, isSecret, kind, source };
  const shown = definition.holdsPassword === true && typeof value === 'string' ? redactUrl(value) : null;
  return { name, value: shown, isSecret, kind, source };
}

function linesOf(settings: readonly Shown[]): string[] {
  const rows = settings.map(({ name, value, isSecret, kind, source }) => {
    const text = value === null ? (isSecret && kind !== 'default' ? '(hidden)' : 'none') : textOf(value);
    return [name, text, source] as const;
  });
  const width = (column: 0 | 1): number => Math.max(...rows.map((row) => row[column].length));
  return rows.map(
    ([name, value, source]) =>
      `  ${name.padEnd(width(0))}  ${value.padEnd(Math.min(48, width(1)))}  ${source}`,
  );
}
