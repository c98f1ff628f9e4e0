/**
 * Checks that a process can work on this database: the server takes writes, and the role has the rights. It runs at
 * the start, so that a wrong role gives one sentence instead of a failure of each write, and for readiness.
 */
import { SluiceError } from '#protocol';
import { DatabaseError } from './database-error.ts';
import type { Row } from './session.ts';

/** See `readAbility` in sql/queries. */
export type Duty = 'submit' | 'settle' | 'at_once' | 'lead' | 'lock';

interface Ability {
  isReadOnly: boolean;
  role: string;
  /** `insert on sluice.document` */
  missing: string[];
}

type Run = (name: string, values: readonly unknown[]) => Promise<Row[]>;

export async function readAbility(run: Run, duties: readonly Duty[]): Promise<Ability> {
  const [row] = await run('readAbility', [duties]);
  return {
    isReadOnly: row?.['is_read_only'] === true,
    role: row?.['role'] as string,
    missing: row?.['missing'] as string[],
  };
}

/**
 * The same check, which fails like a statement.
 * @throws {DatabaseError} 25006 or 42501
 */
export async function assertAbility(run: Run, duties: readonly Duty[]): Promise<void> {
  const { isReadOnly, missing } = await readAbility(run, duties);
  if (!isReadOnly && missing.length === 0) return;
  const sqlState = isReadOnly ? '25006' : '42501';
  const message = `PostgreSQL error ${sqlState} in readAbility`;
  throw new DatabaseError({ sqlState, statement: 'readAbility', message });
}

/**
 * @param work The work, after `Cannot start`: ` in direct mode`
 * @param advice What to do if the role lacks a right.
 * @throws {SluiceError} `configuration_invalid` if the role lacks a right
 */
export async function requireRights(
  run: Run,
  duties: readonly Duty[],
  { work, advice }: { work: string; advice: string },
): Promise<void> {
  const { role, missing } = await readAbility(run, duties);
  if (missing.length === 0) return;
  throw new SluiceError(
    'configuration_invalid',
    `Cannot start${work}: the database role ${role} lacks ${missing.join(', ')}; ${advice}`,
  );
}

const reasons: Readonly<Record<string, string>> = {
  '25006': 'the server is read-only: a standby, or default_transaction_read_only is on',
  '42501': 'the database role lacks a right',
  '28000': 'the server takes no such connection of this user, or none without TLS',
  '28P01': 'the server refuses the user or the password',
  '3D000': 'the server has no database of this name',
  '53100': 'the disk of the server is full',
  '53200': 'the server is out of memory',
  '53300': 'the server has no connection left',
  '57P03': 'the server is starting, stopping or recovering',
};

/** Why the database does no work, to end a sentence. It has no text of PostgreSQL, which may contain values of rows. */
export function reasonOf({ sqlState, database, message }: DatabaseError): string {
  if (sqlState === null) return message;
  const reason = database === null ? reasons[sqlState] : `the server has no database "${database}"`;
  return reason === undefined ? `it answers with the error ${sqlState}` : `${reason} (${sqlState})`;
}
