/** Checks that the schema is complete, and has the version of this program. */
import { readFileSync } from 'node:fs';
import {
  DatabaseError,
  readMigrations,
  schemaVersion,
  sqlFolder,
  sqlFor,
  defaultSchema,
  type Database,
} from '#store';
import { attempt, ill, well, type Finding } from './finding.ts';

/** @returns Whether there is a schema of this version, so that further checks are possible. */
export async function checkSchema(database: Database): Promise<{ findings: Finding[]; hasSchema: boolean }> {
  let version: number | null = null;
  const findings = await attempt('schema_version', async () => {
    const found = await checkVersion(database);
    version = found.version;
    return found.finding;
  });
  if (version === null) return { findings, hasSchema: false };
  const hasSchema = version === schemaVersion;
  return {
    findings: [
      ...findings,
      ...(await attempt('schema_parts', () => checkParts(database, hasSchema))),
      ...(await attempt('table_autovacuum', () => checkAutovacuum(database))),
    ],
    hasSchema,
  };
}

/** The version is null without a schema. */
async function checkVersion(database: Database): Promise<{ version: number | null; finding: Finding }> {
  let ran;
  try {
    ran = await database.run('listMigrations');
  } catch (error) {
    if (!(error instanceof DatabaseError) || !error.isOtherSchema) throw error;
    const says = 'The database has no Sluice schema of this version';
    return { version: null, finding: ill('schema_version', 'fault', says, 'Run sluice migrate') };
  }
  const version = (ran.at(-1)?.['version'] as number | undefined) ?? 0;
  const known = new Map(readMigrations().map((migration) => [migration.name, migration.checksum]));
  const changed = ran.filter(
    (row) => known.has(row['name'] as string) && known.get(row['name'] as string) !== row['checksum'],
  );
  return {
    version,
    finding: judge(
      version,
      changed.map((row) => row['name'] as string),
    ),
  };
}

/** @param changed Migrations of the database that this program has otherwise. */
function judge(version: number, changed: readonly string[]): Finding {
  if (changed.length > 0) {
    return ill(
      'schema_version',
      'fault',
      `This database has migrations that this program does not have: ${changed.join(', ')}`,
      'Use the release that made this schema, or another database',
    );
  }
  if (version === schemaVersion) return well('schema_version', `The schema has version ${version}`);
  return ill(
    'schema_version',
    'fault',
    `The schema has version ${version}, and this program needs ${schemaVersion}`,
    version < schemaVersion ? 'Run sluice migrate' : 'Update the program',
  );
}

/** Indexes and constraints uphold guarantees, so a missing or invalid one is reported by name. */
async function checkParts(database: Database, isComparable: boolean): Promise<Finding> {
  const parts = new Map(
    (await database.run('listSchemaParts')).map((row) => [row['name'] as string, row['is_valid']]),
  );
  const broken = [...parts].filter(([, isValid]) => isValid !== true).map(([name]) => name);
  const missing = isComparable ? expectedParts().filter((name) => !parts.has(name)) : [];
  if (missing.length > 0) {
    return ill(
      'schema_parts',
      'fault',
      `Parts of the schema are missing: ${missing.join(', ')}`,
      'Create them again as in sql/schema.sql: constraints keep references valid',
    );
  }
  if (broken.length === 0)
    return well('schema_parts', 'All tables, indexes and constraints exist and are valid');
  return ill(
    'schema_parts',
    'fault',
    `Parts of the schema are invalid or disabled: ${broken.join(', ')}`,
    'reindex index concurrently, alter table … validate constraint, or alter table … enable trigger',
  );
}

/** Names in the snapshot of the schema: tables, views, indexes, constraints, triggers. */
function expectedParts(): string[] {
  const text = readFileSync(`${sqlFolder}schema.sql`, 'utf8');
  const pattern =
    /^create (?:table|view) sluice\.(\w+)|^CREATE (?:UNIQUE )?INDEX (\w+)|^ {2}constraint (\w+)|^CREATE TRIGGER (\w+)/gm;
  return [...text.matchAll(pattern)].map(([, ...names]) => names.find((name) => name !== undefined) ?? '');
}

async function checkAutovacuum(database: Database): Promise<Finding> {
  const rows = await database.run('findUnvacuumed');
  if (rows.length === 0) return well('table_autovacuum', 'Autovacuum is on for all tables of the schema');
  const names = rows.map((row) => row['name'] as string);
  return ill(
    'table_autovacuum',
    'fault',
    `Autovacuum is off for tables: ${names.join(', ')}`,
    sqlFor(
      database.options.schema ?? defaultSchema,
      `alter table sluice.${names[0]} reset (autovacuum_enabled)`,
    ),
  );
}
