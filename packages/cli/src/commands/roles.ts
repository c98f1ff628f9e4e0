import { applyRoles, roleKinds, roleName, rolesSql, type RoleKind } from '@sluice/store';
import * as z from 'zod';
import { requireDatabaseUrl } from '../config/database-url.ts';
import { setting } from '../config/setting.ts';
import { databaseSettings, rolePrefix } from '../config/settings.ts';
import { printJson, printLine } from '../process/output.ts';
import { createCommand } from './command.ts';
import { lockWait, tellLockWait } from './lock-wait-flag.ts';

const password = (kind: RoleKind) =>
  setting<string | undefined>({
    variables: [`SLUICE_${kind.toUpperCase()}_PASSWORD`],
    file: {
      flags: `--${kind}-password-file <file>`,
      variable: `SLUICE_${kind.toUpperCase()}_PASSWORD_FILE`,
    },
    description: `new password of the role that ${users[kind]} log in as; left out, it keeps its own`,
    form: 'a password of 12 to 200 printable ASCII characters',
    schema: z.string().regex(/^[\x20-\x7e]{12,200}$/),
    isSecret: true,
  });

const users: Record<RoleKind, string> = {
  api: 'nodes',
  writer: 'writers, and nodes that write themselves,',
  ops: 'operators',
  migrate: 'migrations',
};

export const rolesCommand = () =>
  createCommand({
    name: 'roles',
    summary: 'make the database roles and give them their rights',
    description:
      'Makes the roles that the processes log in as, and gives each what its statements need and nothing else: ' +
      'PREFIX_api for nodes, PREFIX_writer for writers and for nodes in direct or local mode or with --on-overload bypass, ' +
      'PREFIX_ops for operators, PREFIX_migrate for migrations, which owns the schema. Run it as a superuser, after ' +
      '`sluice migrate` and after each upgrade. Harmless to repeat.',
    settings: {
      ...databaseSettings,
      rolePrefix,
      api: password('api'),
      writer: password('writer'),
      ops: password('ops'),
      migrate: password('migrate'),
      wait: lockWait,
    },
    extend: (command) => command.option('--sql', 'only print what would run'),
    async run(values, flags) {
      const { rolePrefix: prefix } = values;
      if (flags['sql'] === true) {
        const sql = rolesSql(prefix);
        if (flags['json'] === true) printJson({ sql });
        else printLine(sql.trimEnd());
        return;
      }
      const given = roleKinds.flatMap((kind) => (values[kind] === undefined ? [] : [[kind, values[kind]]]));
      await applyRoles({
        url: requireDatabaseUrl(values),
        prefix,
        passwords: Object.fromEntries(given) as Partial<Record<RoleKind, string>>,
        ...tellLockWait(values.wait, flags['json'] === true),
      });
      const roles = roleKinds.map((kind) => roleName(kind, prefix));
      if (flags['json'] === true) printJson({ roles, passwordsSet: given.map(([kind]) => kind) });
      else printLine(`The roles ${roles.join(', ')} have their rights`);
    },
  });
