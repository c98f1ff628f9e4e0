/**
 * The roles that processes log in as, and their rights: sql/roles.sql, applied unchanged. Names and passwords are
 * settings of its transaction, so that no statement is assembled here.
 */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { SluiceError } from '#protocol';
import pg from 'pg';
import { waitAloud } from './lock-wait.ts';
import { inPatientTransaction, type PatientOptions } from './patient-transaction.ts';
import { query, sqlFolder } from './queries.ts';
import { defaultSchema, sqlFor } from './schema.ts';

export const roleKinds = ['api', 'writer', 'ops', 'migrate'] as const;
export type RoleKind = (typeof roleKinds)[number];

export interface RolesOptions extends PatientOptions {
  /** Prefix of every name: `sluice` makes `sluice_api`. @default the schema */
  prefix?: string | undefined;
  /** New passwords; other roles keep theirs, or have none yet. */
  passwords?: Partial<Record<RoleKind, string>>;
  /**
   * Only these roles use the database: PUBLIC loses CONNECT, the schema `public` and the functions of advisory locks.
   * {@link previewExclusive} shows the effects. @default false: only grants
   */
  exclusiveDatabase?: boolean;
}

const text = readFileSync(`${sqlFolder}roles.sql`, 'utf8');
const setting = 'select set_config($1, $2, true)';

/** The whole text for people and for psql, without passwords. */
export function rolesSql(prefix?: string, exclusiveDatabase = false, schema: string = defaultSchema): string {
  const exclusive = exclusiveDatabase ? 'set local sluice.exclusive_database = on;\n' : '';
  return `begin;\nset local sluice.role_prefix = ${pg.escapeLiteral(prefix ?? schema)};\n${exclusive}${sqlFor(schema, text)}commit;\n`;
}

export function roleName(kind: RoleKind, prefix: string = defaultSchema): string {
  return `${prefix}_${kind}`;
}

/**
 * Creates the roles, and gives them exactly their rights. May be repeated.
 * @throws {SluiceError} `configuration_invalid` where Citus places the schema
 */
export function applyRoles(options: RolesOptions): Promise<void> {
  const { url, schema = defaultSchema, prefix = schema, passwords = {}, exclusiveDatabase = false } = options;
  return inPatientTransaction(options, 'roles', async (client) => {
    const { rows } = await client.query<{ has_home: boolean }>(query('readCitus', schema).text);
    if (rows[0]?.has_home === true) {
      throw new SluiceError(
        'configuration_invalid',
        'Cannot give the roles their rights: Citus places the schema, and passes on no rights to columns and ' +
          'sequences: let processes connect as the owner of the schema',
      );
    }
    await client.query(setting, ['sluice.role_prefix', prefix]);
    await client.query(setting, ['sluice.exclusive_database', exclusiveDatabase ? 'on' : 'off']);
    for (const [kind, password] of Object.entries(passwords)) {
      await client.query(setting, [`sluice.verifier_${kind}`, scramVerifier(password)]);
    }
    await waitAloud(client, url, 'give the roles their rights', options, () =>
      client.query(sqlFor(schema, text)),
    );
  });
}

/** The rights that `exclusiveDatabase` removes from PUBLIC. */
export interface ExclusivePreview {
  takesAway: { object: string; privileges: string[] }[];
  /** Roles that can connect only through PUBLIC, and then cannot. */
  shutOut: string[];
  /** Rights that this role may not remove, so they stay. */
  staysOpen: ('database' | 'advisory locks')[];
}

/** Shows what an exclusive database would remove now. Changes nothing. */
export function previewExclusive(options: RolesOptions): Promise<ExclusivePreview> {
  const { schema = defaultSchema, prefix = schema } = options;
  return inPatientTransaction(options, 'roles', async (client) => {
    const ours = roleKinds.map((kind) => roleName(kind, prefix));
    const taken = await client.query<ExclusivePreview['takesAway'][number]>(query('listExclusive').text);
    const shutOut = await client.query<{ name: string }>(query('listShutOut').text, [ours]);
    const standing = await client.query<Record<string, boolean>>(query('readStanding').text);
    const [{ is_superuser: isSuperuser, owns_database: ownsDatabase } = {}] = standing.rows;
    return {
      takesAway: taken.rows,
      shutOut: taken.rows.some(({ privileges }) => privileges.includes('CONNECT'))
        ? shutOut.rows.map(({ name }) => name)
        : [],
      staysOpen: [
        ...(ownsDatabase === true ? [] : (['database'] as const)),
        ...(isSuperuser === true ? [] : (['advisory locks'] as const)),
      ],
    };
  });
}

const iterations = 4096;

/** The stored form of a password (RFC 5803); the password itself stays here. ASCII only, so it needs no SASLprep. */
function scramVerifier(password: string): string {
  const salt = randomBytes(16);
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256');
  const keyOf = (name: string): Buffer => createHmac('sha256', salted).update(name).digest();
  const storedKey = createHash('sha256').update(keyOf('Client Key')).digest('base64');
  const serverKey = keyOf('Server Key').toString('base64');
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey}:${serverKey}`;
}
