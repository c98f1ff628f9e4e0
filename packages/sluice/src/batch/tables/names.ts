/** How names and values of the catalog are written into statements. Values of requests are never part of a statement. */
import { quotedName } from '#store';
import type { Column, TableCatalog } from '#targets';

export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

export function tableName({ schema, table }: Pick<TableCatalog, 'schema' | 'table'>): string {
  return quotedName(schema, table);
}

export function listOf(names: readonly string[], prefix = ''): string {
  return names.map((name) => prefix + quotedName(name)).join(', ');
}

export function columnOf({ columns }: TableCatalog, name: string): Column {
  return columns.find((column) => column.name === name)!;
}

/** `(t."a", t."b") = (g."a", g."b")`, and `t."a" = g."a"` for one. */
export function areEqual(one: readonly string[], other: readonly string[]): string {
  return one.map((left, index) => `${left} = ${other[index]!}`).join(' and ');
}

/** A value of a body, which compares as the values of its column do. */
export function collated(value: string, { collation = null }: Column): string {
  return collation === null ? value : `(${value}) collate ${collation.name}`;
}

/**
 * The value of a column, which compares as the column that its foreign key refers to: PostgreSQL itself looks up parents
 * so. A `char` column refuses no text for its spaces at the end, while a comparison of text with `char` does.
 */
export function collatedLike(text: string, own: Column, referenced: Column): string {
  const isPadded = referenced.baseType === 'bpchar' && own.baseType !== 'bpchar';
  const value = isPadded ? `${text}::bpchar` : text;
  if (own.collation?.name === referenced.collation?.name) return value;
  return `${value} collate ${referenced.collation?.name ?? 'pg_catalog."default"'}`;
}

/** Types whose values a cast reads from text as jsonb_to_record does. A cast to `varchar(n)` would cut instead. */
const castTypes =
  /^(smallint|integer|bigint|real|double precision|numeric(\(\d+,\d+\))?|text|boolean|uuid|date|timestamp(\(\d\))? with(out)? time zone)$/;

/**
 * The value in `s.body`, by a cast; null: only jsonb_to_record reads this type. A cast costs less, because
 * jsonb_to_record makes a store for each row.
 */
export function castText({ name, type }: Column): string | null {
  return castTypes.test(type) ? `(s.body ->> ${literal(name)})::${type}` : null;
}

/**
 * The default of a column that a row leaves out; null: none. The expression comes from the catalog, and may be of another
 * type, which PostgreSQL converts and rounds: `text default gen_random_uuid()`, `timestamp(3) default now()`. A cast with a
 * length would cut a value that is too long.
 */
export function defaultOf(catalog: TableCatalog, column: Column): string | null {
  if (column.identity !== null) {
    const table = literal(tableName(catalog));
    return `nextval(pg_get_serial_sequence(${table}, ${literal(column.name)})::regclass)`;
  }
  return column.default === null ? null : `(${column.default})::${column.bareType ?? column.type}`;
}

/** Whether each row that leaves the column out gets one and the same value: a literal, as `pg_get_expr` writes it. */
export function hasConstantDefault({ default: expression, identity }: Column): boolean {
  const literals =
    /^(?:'(?:[^']|'')*'(?:::[\w". ]+(?:\([\d,]+\))?)?|\(?-?[\d.]+\)?(?:::[\w". ]+)?|true|false)$/;
  return identity === null && expression !== null && literals.test(expression);
}

/**
 * Some columns of a row as an object, whose numbers are strings if a JavaScript number cannot hold them.
 * @param alias Alias of the row in the statement.
 */
export function exactValues(alias: string, columns: readonly Column[]): string {
  const pairs = columns.map(
    (column) => `${literal(column.name)}, ${exactValue(`${alias}.${quotedName(column.name)}`, column)}`,
  );
  return `jsonb_build_object(${pairs.join(', ')})`;
}

/** Fifteen digits fit into a JavaScript number; a sign and a point are two more characters. */
function exactValue(value: string, { baseType }: Column): string {
  if (baseType !== 'int8' && baseType !== 'numeric') return `to_jsonb(${value})`;
  return `case when length(${value}::text) <= 15 then to_jsonb(${value}) else to_jsonb(${value}::text) end`;
}
