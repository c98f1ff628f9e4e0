/** The routes of `/rest` in the OpenAPI document: one path for each table, with a schema from the catalog, and for each function. */
import type { ClientTarget } from 'sluice/internal/client';
import type { Column, TableCatalog } from 'sluice/internal/targets';
import { pathNameOf } from './row-write.ts';

export interface Operation {
  parameters?: { name: string }[];
  requestBody?: unknown;
  tags?: string[];
}
export type PathItem = Record<string, Operation>;

/** With more targets, the generic paths are described instead. */
const targetsMax = 60;

export function describeTargets(
  paths: Record<string, PathItem>,
  targets: readonly ClientTarget[],
  basePath: string,
): void {
  const ofTable = `${basePath}/rest/{table}`;
  const ofFunction = `${basePath}/rest/rpc/{name}`;
  if (targets.length > targetsMax) return;
  const tableItem = take(paths, ofTable);
  const functionItem = take(paths, ofFunction);
  for (const { name, catalog } of targets) {
    if (catalog === null) {
      const short = name.replace(/^public\./, '');
      paths[`${basePath}/rest/rpc/${short}`] = mapOperations(functionItem, (operation) => ({
        ...operation,
        parameters: without(operation, 'name'),
      }));
    } else {
      paths[`${basePath}/rest/${pathNameOf(catalog)}`] = mapOperations(tableItem, (operation, method) =>
        ofCatalog(operation, method, catalog),
      );
    }
  }
}

function take(paths: Record<string, PathItem>, path: string): PathItem {
  const item = paths[path] ?? {};
  delete paths[path];
  return item;
}

function mapOperations(item: PathItem, of: (operation: Operation, method: string) => Operation): PathItem {
  return Object.fromEntries(Object.entries(item).map(([method, each]) => [method, of(each, method)]));
}

function without({ parameters = [] }: Operation, name: string): { name: string }[] {
  return parameters.filter((parameter) => parameter.name !== name);
}

function ofCatalog(operation: Operation, method: string, table: TableCatalog): Operation {
  const filters =
    method === 'post'
      ? []
      : table.key.map((name) => ({
          name,
          in: 'query',
          required: true,
          description: '`eq.` and the value.',
          schema: { type: 'string', pattern: '^eq\\.' },
        }));
  // The path already names the schema.
  const kept = without(operation, 'table').filter(({ name }) => name !== 'Content-Profile');
  const own: Operation = { ...operation, tags: [table.name], parameters: [...kept, ...filters] };
  if (operation.requestBody === undefined) return own;
  const row = schemaOf(table, method !== 'patch');
  const schema = method === 'post' ? { oneOf: [row, { type: 'array', items: row }] } : row;
  own.requestBody = { required: true, content: { 'application/json': { schema } } };
  return own;
}

function schemaOf({ columns }: TableCatalog, isNew: boolean): object {
  const written = columns.filter((column) => !column.isGenerated);
  const required = written
    .filter(
      ({ isNullable, default: byDefault, identity }) =>
        !isNullable && byDefault === null && identity === null,
    )
    .map(({ name }) => name);
  return {
    type: 'object',
    additionalProperties: false,
    properties: Object.fromEntries(written.map((column) => [column.name, typeOf(column)])),
    ...(isNew && required.length > 0 ? { required } : {}),
  };
}

const jsonTypes: Readonly<Record<string, object>> = {
  int2: { type: 'integer' },
  int4: { type: 'integer', format: 'int32' },
  int8: { type: 'integer', format: 'int64' },
  numeric: { type: 'number' },
  float4: { type: 'number', format: 'float' },
  float8: { type: 'number', format: 'double' },
  bool: { type: 'boolean' },
  uuid: { type: 'string', format: 'uuid' },
  date: { type: 'string', format: 'date' },
  timestamptz: { type: 'string', format: 'date-time' },
  json: {},
  jsonb: {},
};

function typeOf({ type, baseType, category, maxLength, isNullable, labels }: Column): object {
  const known =
    jsonTypes[baseType] ??
    (category === 'A'
      ? { type: 'array', items: {} }
      : category === 'C'
        ? { type: 'object' }
        : { type: 'string' });
  return {
    ...known,
    description: type,
    ...(maxLength === null ? {} : { maxLength }),
    ...(labels === null ? {} : { enum: labels }),
    ...(isNullable ? { nullable: true } : {}),
  };
}
