/**
 * The settings that all processes of a deployment must share: lanes, model, schema, targets, projections. The first
 * process decides. A process that differs refuses to start, and says how to change them.
 */
import { SluiceError, type OwnershipForm } from '#protocol';
import type { Database } from './database.ts';
import { DatabaseError } from './database-error.ts';
import { schemaVersion } from './migrate.ts';
import { agreeProjections, type AgreedProjection } from './projection-agreement.ts';
import type { Row } from './session.ts';

export interface Agreement {
  lanes: number;
  modelHash: string;
  /** How lanes are owned; only writers need it. */
  ownership?: OwnershipForm;
  /**
   * One line for each target: name, kind and hash, sorted; empty: no targets. Undefined for a process that has none
   * and settles nothing.
   */
  targets?: string;
  /** Undefined for a process that settles nothing, or only with the agreed projections. */
  projections?: readonly AgreedProjection[];
}

/** @throws {SluiceError} `deployment_disagrees` or `schema_outdated` */
export async function agree(database: Database, own: Agreement): Promise<void> {
  const proposed: Record<string, string> = {
    lanes: String(own.lanes),
    model_hash: own.modelHash,
    ...(own.ownership === undefined ? {} : { ownership: own.ownership }),
    ...(own.targets === undefined ? {} : { targets: own.targets }),
  };
  const decided = Object.entries(proposed).filter(([, value]) => value !== '');
  let rows: Row[] = [];
  try {
    const values = [decided.map(([name]) => name), decided.map(([, value]) => value)];
    [, rows = []] = await database.flight([{ name: 'proposeSettings', values }, { name: 'readSettings' }]);
  } catch (error) {
    if (error instanceof DatabaseError && error.isOtherSchema) {
      throw new SluiceError(
        'schema_outdated',
        'Cannot start: the database has no Sluice schema of this version: run `sluice migrate`',
      );
    }
    throw error;
  }
  const agreed = new Map(rows.map((row) => [row['name'] as string, row['value'] as string]));
  for (const [name, value] of Object.entries({ ...proposed, schema_version: String(schemaVersion) })) {
    const found = agreed.get(name) ?? '';
    if (found !== value) {
      throw new SluiceError(
        'deployment_disagrees',
        `Cannot start: ${refusals[name]?.(found, value) ?? name}`,
        {
          detail: { setting: name },
        },
      );
    }
  }
  if (own.projections !== undefined) await agreeProjections(database, own.projections);
  if (agreed.get('lane_rows') !== String(own.lanes)) await database.run('createLanes', [own.lanes]);
}

const refusals: Record<string, (found: string, value: string) => string> = {
  lanes: (found, value) =>
    `this database has ${found} lanes and this process wants ${value}: stop all nodes, let the writers drain, then change the setting`,
  model_hash: (found, value) =>
    `this database was loaded with another model (${found.slice(0, 12)}, this process has ${value.slice(0, 12)}): ` +
    'use the same model files everywhere, also for processes that write only to tables, or another database. To add a model ' +
    "where no documents are stored, `delete from sluice.setting where name = 'model_hash'`, then restart the writers with " +
    'it, then the nodes',
  ownership: (found, value) =>
    `the lanes of this database are owned by ${found} and this process wants ${value}: stop all writers, then ` +
    "`delete from sluice.setting where name = 'ownership'`",
  targets: (found, value) =>
    `${differenceOf(found, value)}: give all processes the same targets. To change them in a running deployment, ` +
    'run `sluice targets agree` with the new ones, then restart the writers with them, then the nodes',
  schema_version: (found) => `the database has schema version ${adviceForVersion(Number(found))}`,
};

/**
 * Commands of operators ask for it first, because SQL for one schema may read another one wrongly without an error.
 * @throws {SluiceError} `schema_outdated` unless the schema has the version of this program
 */
export async function requireSchemaVersion(database: Database): Promise<void> {
  const [row] = await database.run('readSchemaVersion');
  const found = (row?.['version'] as number | null | undefined) ?? 0;
  if (found === schemaVersion) return;
  throw new SluiceError(
    'schema_outdated',
    `Cannot use the database: its schema has version ${adviceForVersion(found)}`,
  );
}

/** The end of a sentence about a schema of another version than {@link schemaVersion}. */
export function adviceForVersion(found: number, migration = 'sluice migrate'): string {
  return found > schemaVersion
    ? `${found}, newer than this program's ${schemaVersion}: update the program`
    : `${found}, and this program needs ${schemaVersion}: run \`${migration}\``;
}

/** The targets that only one side has, and those that differ. */
function differenceOf(found: string, value: string): string {
  const byName = (text: string): Map<string, string> =>
    new Map(text.split('\n').flatMap((line) => (line === '' ? [] : [[nameIn(line), line]])));
  const [theirs, own] = [byName(found), byName(value)];
  const list = (names: readonly string[], what: string): string[] =>
    names.length === 0 ? [] : [`${what} ${names.join(', ')}`];
  return [
    ...list(
      [...theirs.keys()].filter((name) => !own.has(name)),
      'this process lacks the targets',
    ),
    ...list(
      [...own.keys()].filter((name) => !theirs.has(name)),
      'the deployment has not agreed on the targets',
    ),
    ...list(
      [...own].flatMap(([name, line]) => (theirs.has(name) && theirs.get(name) !== line ? [name] : [])),
      'this process has other kinds or keys of the targets',
    ),
  ].join(', and ');
}

/** Names may have spaces; kind and hash have none. */
function nameIn(line: string): string {
  return line.split(' ').slice(0, -2).join(' ');
}
