/**
 * The roles that processes log in as, and what each may do: sql/roles.sql, applied as it is. Names and passwords reach
 * it as settings of its transaction, so that no statement is put together here.
 */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { clientConfig } from './connection.ts';
import { reduceError } from './database-error.ts';
import { waitAloud, type LockWaitOptions } from './lock-wait.ts';
import { sqlFolder } from './queries.ts';

export const roleKinds = ['api', 'writer', 'ops', 'migrate'] as const;
export type RoleKind = (typeof roleKinds)[number];

export interface RolesOptions extends LockWaitOptions {
  url: string;
  /** Before every name: `sluice` makes `sluice_api`. @default 'sluice' */
  prefix?: string;
  /** New passwords; a role that is not named keeps its own, or has none yet. */
  passwords?: Partial<Record<RoleKind, string>>;
}

const text = readFileSync(`${sqlFolder}roles.sql`, 'utf8');
const setting = 'select set_config($1, $2, true)';

/** All of it for people and for psql. Passwords are not part of it. */
export function rolesSql(prefix = 'sluice'): string {
  return `begin;\nset local sluice.role_prefix = ${pg.escapeLiteral(prefix)};\n${text}commit;\n`;
}

export function roleName(kind: RoleKind, prefix = 'sluice'): string {
  return `${prefix}_${kind}`;
}

/** Makes the roles and gives them their rights, no more and no fewer. Harmless to repeat. */
export async function applyRoles(options: RolesOptions): Promise<void> {
  const { url, prefix = 'sluice', passwords = {} } = options;
  const client = new pg.Client(clientConfig({ url, applicationName: 'sluice roles', answerTimeoutMs: 0 }));
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('begin');
    await client.query(setting, ['sluice.role_prefix', prefix]);
    for (const [kind, password] of Object.entries(passwords)) {
      await client.query(setting, [`sluice.verifier_${kind}`, scramVerifier(password)]);
    }
    await waitAloud(client, url, 'give the roles their rights', options, () => client.query(text));
    await client.query('commit');
  } catch (error) {
    throw reduceError(error, 'roles');
  } finally {
    await client.end().catch(() => undefined);
  }
}

const iterations = 4096;

/** What PostgreSQL keeps of a password (RFC 5803); the password itself stays here. ASCII only, so needs no SASLprep. */
function scramVerifier(password: string): string {
  const salt = randomBytes(16);
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256');
  const keyOf = (name: string): Buffer => createHmac('sha256', salted).update(name).digest();
  const storedKey = createHash('sha256').update(keyOf('Client Key')).digest('base64');
  const serverKey = keyOf('Server Key').toString('base64');
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey}:${serverKey}`;
}
