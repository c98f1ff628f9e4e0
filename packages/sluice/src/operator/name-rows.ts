/** Names rows: the key of the row of a write, and the parents that blocked rows await. */
import { DatabaseError, type Database, type Row } from '#store';
import { isEndpoint, keyText, readTables, rowKey, type TableCatalog } from '#targets';
import type { Awaited, ShownRow } from './contract.ts';

interface NamedWrite {
  writeId: string;
  resource: string;
}

/** Most rows of an array that are read. */
const rowsMax = 1000;

/** The row of a waiting write or a dead letter; null: the write is about a document. */
export async function readRow(
  database: Database,
  { writeId, resource }: NamedWrite,
): Promise<ShownRow | null> {
  if (isEndpoint(resource)) return null;
  const target = (await database.run('listTargets')).find(({ name }) => name === resource);
  const key = (target?.['key'] as string[] | undefined) ?? [];
  const paths = key.map((name) => ({
    name,
    path: target?.['kind'] === 'table' ? [name] : name.slice(2).split('.'),
  }));
  const [first] = await readTexts(database, [writeId], paths, 1);
  return {
    key: (first?.['texts'] as ShownRow['key'] | undefined) ?? null,
    rows: (first?.['rows'] as number) ?? null,
  };
}

/**
 * Gives each awaited row the name of its table and, if identities are requested, the values of its key. Both come
 * from the foreign keys and the bodies of the blocked writes.
 */
export async function nameAwaitedRows(
  database: Database,
  blocked: readonly NamedWrite[],
  awaited: ReadonlyMap<string, readonly Awaited[]>,
  withIdentity: boolean,
): Promise<void> {
  const writes = blocked.filter(({ resource }) => !isEndpoint(resource));
  if (writes.length === 0) return;
  const tables = await readTargetTables(database);
  const parents = new Map(writes.map(({ resource }) => [resource, parentsOf(resource, tables)]));
  const columns = [
    ...new Set([...parents.values()].flatMap((each) => each.flatMap((parent) => parent.columns))),
  ];
  if (columns.length === 0) return;
  const resources = new Map(writes.map(({ writeId, resource }) => [writeId, resource]));
  const paths = columns.map((name) => ({ name, path: [name] }));
  for (const row of await readTexts(database, [...resources.keys()], paths, rowsMax)) {
    const writeId = row['write_id'] as string;
    const given = (row['texts'] as Record<string, string> | null) ?? {};
    for (const { table, columns, key } of parents.get(resources.get(writeId)!) ?? []) {
      const texts = columns.map((name) => given[name]);
      if (texts.includes(undefined)) continue;
      const id = rowKey(
        table,
        texts.map((text, place) => keyText(text, key[place]!.baseType)),
      );
      for (const each of awaited.get(writeId) ?? []) {
        if (each.awaitedId !== id) continue;
        each.resource = table;
        each.path = columns.join(', ');
        if (withIdentity) each.identity = key.map(({ name }, place) => `${name}=${texts[place]}`).join(', ');
      }
    }
  }
}

interface Parent {
  table: string;
  /** Columns of the row, in the order of the parent's key. */
  columns: string[];
  key: { name: string; baseType: string }[];
}

/** The foreign keys that refer to exactly the key of a target. */
function parentsOf(resource: string, tables: ReadonlyMap<string, TableCatalog>): Parent[] {
  return (tables.get(resource)?.foreignKeys ?? []).flatMap(
    ({ table, columns, referencedColumns }): Parent[] => {
      const parent = tables.get(table);
      if (
        parent?.key.length !== columns.length ||
        !parent.key.every((name) => referencedColumns.includes(name))
      )
        return [];
      const own = parent.key.map((name) => columns[referencedColumns.indexOf(name)]!);
      const key = parent.key.map((name) => parent.columns.find((column) => column.name === name)!);
      return [{ table, columns: own, key }];
    },
  );
}

/** The agreed tables that exist. */
async function readTargetTables(database: Database): Promise<Map<string, TableCatalog>> {
  const rows = (await database.run('listTargets')).filter(({ kind }) => kind === 'table');
  const found = await readTables(
    database,
    rows.map((row) => ({ table: row['name'] as string, key: row['key'] as string[], rowSecurity: 'bypass' })),
  );
  return new Map(
    [...found].flatMap(([name, table]) => (table instanceof Error ? [] : [[name, table] as const])),
  );
}

/** Empty for a role that may not read bodies: a node whose page works without the role of operators. */
async function readTexts(
  database: Database,
  writeIds: readonly string[],
  paths: readonly { name: string; path: readonly string[] }[],
  most: number,
): Promise<Row[]> {
  try {
    return await database.run('readRowTexts', [writeIds, JSON.stringify(paths), most]);
  } catch (error) {
    if (error instanceof DatabaseError && error.sqlState === '42501') return [];
    throw error;
  }
}
