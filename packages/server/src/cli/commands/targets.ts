/** The tables, functions and handlers of a deployment: shows the agreement and missing rights of writers, and changes the agreement. */
import { changeTargets, listTargets } from 'sluice/operator';
import { SluiceError } from 'sluice/internal/protocol';
import { roleName } from 'sluice/internal/store';
import { Command } from 'commander';
import * as z from 'zod';
import { databaseSettings, rolePrefix } from '../config/database-settings.ts';
import { setting, type Values } from '../config/setting.ts';
import { targets } from '../config/targets-setting.ts';
import { targetLines } from '../operate/target-lines.ts';
import { withDatabase } from '../operate/with-database.ts';
import { actor } from '../process/actor.ts';
import { printJson, printLine } from '../process/output.ts';
import { createCommand } from './command.ts';

const settings = {
  ...databaseSettings,
  targets,
  rolePrefix,
  role: setting<string | undefined>({
    flags: '--role <name>',
    description: 'role of the writers, whose rights are checked',
    defaultText: 'the role prefix and _writer',
    form: 'the name of a role',
    schema: z.string().min(1),
  }),
};

const list = () =>
  createCommand({
    name: 'list',
    summary: 'show the configured and agreed targets, their tables, and the rights that writers lack',
    description:
      'Shows the targets of --table and of the configuration file, and those that the deployment has agreed on: key, columns, ' +
      'unique rules, foreign keys, triggers, row security, and which rights the role of the writers lacks. Exits with 1 if one ' +
      'cannot be a target, or rights are missing.',
    settings,
    run: (values, flags) => show(values, flags, async () => {}),
  });

const agree = () =>
  createCommand({
    name: 'agree',
    summary: 'change the targets of the deployment',
    description:
      'Replaces the agreed targets by those of --table and of the configuration file. Running processes keep their targets; ' +
      'processes that start need the new ones. So create the tables, grant the rights, run this, and restart the writers, ' +
      'then the nodes. Use the role that owns the schema: the one of migrations.',
    settings,
    extend: (command) => command.option('--none', 'agree on no targets'),
    async run(values, flags) {
      if (values.targets.length === 0 && flags['none'] !== true) {
        throw new SluiceError(
          'configuration_invalid',
          'Cannot agree: name a table by --table, give targets in the configuration file, or use --none',
        );
      }
      await show(values, flags, (database) => changeTargets(database, values.targets, actor()));
    },
  });

export const targetsCommand = () => {
  const group = new Command('targets')
    .summary('list the tables, functions and handlers that writes may go to, and agree on them')
    .description(
      'Shows and changes the targets of the deployment: tables, functions and handlers that writes may go to.',
    );
  group.addCommand(list(), { isDefault: true });
  group.addCommand(agree());
  return group;
};

async function show(
  values: Values<typeof settings>,
  flags: Readonly<Record<string, unknown>>,
  before: (database: Parameters<typeof listTargets>[0]) => Promise<void>,
): Promise<void> {
  const role = values.role ?? roleName('writer', values.rolePrefix ?? values.schema);
  const found = await withDatabase(values, async (database) => {
    await before(database);
    return listTargets(database, values.targets, role);
  });
  const isFine = found.targets.every(
    ({ problem, missingRights }) => problem === null && missingRights.length === 0,
  );
  if (!isFine) process.exitCode = 1;
  if (flags['json'] === true) return printJson(found);
  for (const line of targetLines(found)) printLine(line);
}
