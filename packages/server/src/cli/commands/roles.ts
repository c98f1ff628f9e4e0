import {
  applyRoles,
  previewExclusive,
  roleKinds,
  roleName,
  rolesSql,
  type ExclusivePreview,
  type RoleKind,
} from 'sluice/internal/store';
import * as z from 'zod';
import { requireDatabase, type DatabaseValues } from '../config/database-url.ts';
import { setting } from '../config/setting.ts';
import { databaseSettings, rolePrefix } from '../config/database-settings.ts';
import { confirm } from '../operate/confirm.ts';
import { complain, printJson, printLine } from '../process/output.ts';
import { createCommand } from './command.ts';
import { lockWait, tellLockWait } from './lock-wait-flag.ts';

const password = (kind: RoleKind) =>
  setting<string | undefined>({
    variables: [`SLUICE_${kind.toUpperCase()}_PASSWORD`],
    file: {
      flags: `--${kind}-password-file <file>`,
      variable: `SLUICE_${kind.toUpperCase()}_PASSWORD_FILE`,
    },
    description: `new password of the role that ${users[kind]} log in as (default: keep the present one)`,
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

const passwords = {
  apiPassword: password('api'),
  writerPassword: password('writer'),
  opsPassword: password('ops'),
  migratePassword: password('migrate'),
};

export const rolesCommand = () =>
  createCommand({
    name: 'roles',
    summary: 'create the database roles and grant their rights',
    description:
      'Creates the roles that the processes log in as, and grants each only the rights that its statements need: ' +
      'PREFIX_api for nodes, PREFIX_writer for writers and for nodes in direct or local mode or with --on-overload bypass, ' +
      'PREFIX_ops for operators, PREFIX_migrate for migrations, which owns the schema. Run it as a superuser, after ' +
      '`sluice migrate` and after each upgrade. It may be repeated.\n\n' +
      'Other programs may share the database: the command revokes nothing unless --exclusive-database declares that only ' +
      'these roles use it. Then PUBLIC loses CONNECT and TEMPORARY on the database, the schema public, and the functions ' +
      'of advisory locks. The command first shows these rights and the roles that would lose access.',
    settings: {
      ...databaseSettings,
      rolePrefix,
      ...passwords,
      wait: lockWait,
    },
    extend: (command) =>
      command
        .option('--exclusive-database', 'revoke the rights of all other roles on the database')
        .option('--dry-run', 'show what --exclusive-database would revoke, and change nothing')
        .option('--yes', 'do not ask for confirmation')
        .option('--sql', 'print the statements, and run none'),
    async run(values, flags) {
      const { schema, rolePrefix: prefix = schema } = values;
      const exclusiveDatabase = flags['exclusiveDatabase'] === true;
      const isJson = flags['json'] === true;
      if (flags['sql'] === true) {
        const sql = rolesSql(prefix, exclusiveDatabase, schema);
        if (isJson) printJson({ sql });
        else printLine(sql.trimEnd());
        return;
      }
      const place = requireDatabase(values);
      const exclusive = exclusiveDatabase ? await previewExclusive({ ...place, prefix }) : null;
      if (!(await mayProceed(exclusive, flags, values))) return;
      const given = roleKinds.flatMap((kind) => {
        const value = values[`${kind}Password`];
        return value === undefined ? [] : [[kind, value]];
      });
      await applyRoles({
        ...place,
        prefix,
        exclusiveDatabase,
        passwords: Object.fromEntries(given) as Partial<Record<RoleKind, string>>,
        ...tellLockWait(values.wait, isJson),
      });
      const roles = roleKinds.map((kind) => roleName(kind, prefix));
      if (isJson) printJson({ roles, passwordsSet: given.map(([kind]) => kind), ...exclusive });
      else printLine(`The roles ${roles.join(', ')} have their rights`);
    },
  });

/** Shows which rights would be removed, and asks for confirmation. A dry run ends here. */
async function mayProceed(
  exclusive: ExclusivePreview | null,
  flags: Readonly<Record<string, unknown>>,
  values: DatabaseValues,
): Promise<boolean> {
  const isJson = flags['json'] === true;
  const isDryRun = flags['dryRun'] === true;
  // In JSON the preview is part of the result, and is printed besides if the command asks.
  const tell = isJson ? complain : printLine;
  const isTold = !isJson || (flags['yes'] !== true && !isDryRun);
  if (exclusive !== null && isTold) for (const line of exclusiveLines(exclusive)) tell(line);
  if (isDryRun) {
    if (isJson) printJson({ dryRun: true, ...exclusive });
    else if (exclusive === null) printLine('No right was revoked');
    return false;
  }
  const asks = exclusive !== null && exclusive.takesAway.length > 0;
  if (!asks || (await confirm('Revoke all of this?', flags, values))) return true;
  complain('Nothing was changed');
  return false;
}

function exclusiveLines({ takesAway, shutOut, staysOpen }: ExclusivePreview): string[] {
  const lines = takesAway.map(({ object, privileges }) => `  ${object}: ${privileges.join(', ')}`);
  return [
    ...(lines.length === 0 ? ['PUBLIC has no right that would be revoked'] : ['PUBLIC loses:', ...lines]),
    ...(shutOut.length === 0 ? [] : [`These roles cannot connect any more: ${shutOut.join(', ')}`]),
    ...staysOpen.map((what) => `This role may not close the ${what} to others`),
  ];
}
