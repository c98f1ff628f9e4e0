/** What every command has: settings in its help, `--json`, and values that are checked before anything starts. */
import { Command } from 'commander';
import { addSettings, readSettings, type Settings, type Values } from '../config/setting.ts';

export interface CommandDefinition<S extends Settings> {
  name: string;
  summary: string;
  description: string;
  settings: S;
  /** Adds arguments and plain flags. */
  extend?: (command: Command) => void;
  /** `flags` holds the plain flags, `args` the arguments. */
  run: (
    values: Values<S>,
    flags: Readonly<Record<string, unknown>>,
    args: readonly string[],
  ) => Promise<void>;
}

const settingsByCommand = new WeakMap<Command, Settings>();

/** The settings that a command takes, by flag or variable. */
export function settingsOf(command: Command): Settings {
  return settingsByCommand.get(command) ?? {};
}

export function createCommand<S extends Settings>(definition: CommandDefinition<S>): Command {
  const { name, summary, description, settings, extend, run } = definition;
  const command = new Command(name).summary(summary).description(description);
  settingsByCommand.set(command, settings);
  extend?.(command);
  addSettings(command, settings);
  command.option('--json', 'say it in JSON, on standard output');
  command.action(async () => {
    const flags = command.opts<Record<string, unknown>>();
    await run(readSettings(settings, flags), flags, command.args);
  });
  return command;
}
