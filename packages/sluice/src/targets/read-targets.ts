/** Completes the definitions of targets from the catalog of the database, and refuses tables that cannot be targets. */
import { SluiceError } from '#protocol';
import type { Row } from '#store';
import { hash } from 'node:crypto';
import type { Column, ForeignKey, TableCatalog, UniqueRule } from './catalog.ts';
import { checkDefinitions, invalidTarget } from './check-definitions.ts';
import { isFunction, isTable, nameOf, type TableDefinition, type TargetDefinition } from './definition.ts';
import { targetsOf, type Targets } from './targets.ts';

/** A pool, a session or a transaction. */
export interface Reader {
  run(name: string, values?: readonly unknown[]): Promise<Row[]>;
}

/** @throws {SluiceError} `configuration_invalid` that names the target, its table, and the fault */
export async function readTargets(
  database: Reader,
  definitions: readonly TargetDefinition[],
): Promise<Targets> {
  const checked = checkDefinitions(definitions);
  const names = checked.map(nameOf);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw invalidTarget(`${twice} is named twice`);
  if (checked.length > 0) await refusePlaced(database);
  const tables = await readTables(database, checked.filter(isTable));
  const sound = [...tables].map(([name, table]): [string, TableCatalog] => {
    if (table instanceof SluiceError) throw table;
    return [name, table];
  });
  await assertFunctions(database, checked.filter(isFunction).map(nameOf));
  return targetsOf(checked, new Map(sound));
}

/** Tables and functions outside of the schema do not move with it. */
async function refusePlaced(database: Reader): Promise<void> {
  const [row] = await database.run('readCitus');
  if (row?.['has_home'] === true)
    throw new SluiceError('configuration_invalid', 'Cannot use targets: Citus places the schema on a node');
}

/** @throws {SluiceError} `configuration_invalid` that names the function and the fault */
export async function assertFunctions(database: Reader, names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  const rows = await database.run('readFunctions', [names]);
  for (const [index, name] of names.entries()) {
    const row = rows.find(({ place }) => place === index + 1);
    if (row === undefined) throw invalidTarget(`function ${name}(jsonb) does not exist in this database`);
    if (row['kind'] !== 'f')
      throw invalidTarget(`${name}(jsonb) is a procedure or an aggregate: name a function`);
    if (row['returns_set'] !== true)
      throw invalidTarget(
        `function ${name}(jsonb) does not return a set: it must return one row for each write`,
      );
    if (row['returns_void'] === true)
      throw invalidTarget(`function ${name}(jsonb) returns void: it must return one row for each write`);
    if (row['is_ambiguous'] === true)
      throw invalidTarget(
        `function ${name}(jsonb) has another form, which also takes one jsonb because of its defaults: rename one of them`,
      );
  }
}

/** The tables by name; for one that cannot be a target, the reason. */
export async function readTables(
  database: Reader,
  definitions: readonly TableDefinition[],
): Promise<Map<string, TableCatalog | SluiceError>> {
  if (definitions.length === 0) return new Map();
  const rows = await database.run('readTables', [definitions.map(nameOf)]);
  const found = new Map(rows.map((row) => [row['place'], row]));
  return new Map(
    definitions.map((definition, index): [string, TableCatalog | SluiceError] => {
      try {
        return [nameOf(definition), tableOf(definition, found.get(index + 1))];
      } catch (error) {
        if (error instanceof SluiceError) return [nameOf(definition), error];
        throw error;
      }
    }),
  );
}

const kinds: Readonly<Record<string, string>> = {
  v: 'a view',
  m: 'a materialized view',
  f: 'a foreign table',
  S: 'a sequence',
  i: 'an index',
  I: 'an index',
  c: 'a type',
  t: 'a TOAST table',
};

function tableOf(definition: TableDefinition, row: Row | undefined): TableCatalog {
  const name = nameOf(definition);
  if (row === undefined) throw invalidTarget(`table ${name} does not exist in this database`);
  if (row['owned_by'] !== null)
    throw invalidTarget(`${name} belongs to ${row['owned_by'] as string}: name a table of your own`);
  const kind = row['kind'] as string;
  if (kind in kinds) throw invalidTarget(`${name} is ${kinds[kind]}: name a table`);
  if (row['is_partition'] === true)
    throw invalidTarget(`table ${name} is a partition: name the partitioned table`);
  if (row['persistence'] === 't') throw invalidTarget(`table ${name} is temporary: no other session sees it`);
  if (row['persistence'] === 'u')
    throw invalidTarget(`table ${name} is unlogged: a crash of the server would lose acknowledged rows`);
  if (row['has_rules'] === true)
    throw invalidTarget(`table ${name} has rules, which cannot tell one result for each row: use triggers`);
  if (row['has_row_security'] === true && definition.rowSecurity !== 'bypass')
    throw invalidTarget(
      `table ${name} has row-level security, whose policies cannot see the client of a write: set rowSecurity: 'bypass' ` +
        'on the target to accept that, or name another table',
    );
  const columns = row['columns'] as Column[];
  const uniques = row['uniques'] as (UniqueRule & { isPrimary: boolean })[];
  const catalog = {
    name,
    schema: row['schema'] as string,
    table: row['table'] as string,
    isPartitioned: kind === 'p',
    columns,
    key: keyOf(definition, columns, uniques),
    uniques: uniques.map(({ name, columns, isPartial, isDeferrable }) => ({
      name,
      columns,
      isPartial,
      isDeferrable,
    })),
    foreignKeys: row['foreign_keys'] as ForeignKey[],
    hasRowSecurity: row['has_row_security'] as boolean,
    triggers: row['triggers'] as string[],
    hasBeforeInsert: row['has_before_insert'] as boolean,
    isPlain: row['is_plain'] as boolean,
  };
  const version = { oid: row['oid'] as number, text: row['version'] as string };
  return { ...catalog, hash: hash('sha256', JSON.stringify(catalog), 'hex'), version };
}

/** The key columns in the order of their index, not of the configuration, because the identity key of a row depends on it. */
function keyOf(
  definition: TableDefinition,
  columns: readonly Column[],
  uniques: readonly (UniqueRule & { isPrimary: boolean })[],
): readonly string[] {
  const name = nameOf(definition);
  const { key } = definition;
  const unknown = key?.find((column) => !columns.some((each) => each.name === column));
  if (unknown !== undefined)
    throw invalidTarget(`key of table ${name} names the column ${unknown}, which the table does not have`);
  const fits = (rule: UniqueRule & { isPrimary: boolean }): boolean =>
    key === undefined ? rule.isPrimary : !rule.isPartial && isSameSet(rule.columns ?? [], key);
  const rules = uniques.filter(fits);
  const rule = rules.find((each) => !each.isDeferrable);
  if (rule === undefined || rule.columns === null) {
    if (rules.length > 0)
      throw invalidTarget(
        `key of table ${name} is the deferrable constraint ${rules[0]?.name}: no upsert can meet its rows`,
      );
    throw invalidTarget(
      key === undefined
        ? `table ${name} has no primary key: name the columns of a unique constraint in key`
        : `key of table ${name} is not unique: no unique constraint has exactly the columns ${key.join(', ')}`,
    );
  }
  const nullable = rule.columns.find((column) => columns.find((each) => each.name === column)?.isNullable);
  if (nullable !== undefined)
    throw invalidTarget(
      `key of table ${name} has the column ${nullable}, which may be null: it identifies no row`,
    );
  return rule.columns;
}

function isSameSet(one: readonly string[], other: readonly string[]): boolean {
  return one.length === new Set(other).size && one.every((name) => other.includes(name));
}
