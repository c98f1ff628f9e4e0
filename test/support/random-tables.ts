// Two random tables, a parent and its child, and random writes to them, for the property of rows.

import fc from 'fast-check';
import type { Write } from 'sluice/internal/protocol';
import type { RowBody } from './row-write.ts';

const types = ['integer', 'text', 'numeric(8,2)', 'boolean', 'date', 'jsonb', 'bigint', 'text[]'] as const;
/** Under `anycase`, texts that differ only in case are equal. */
const anycase = 'text collate public.anycase';
const keyTypes = ['integer', 'text', 'numeric(8,2)', 'date', 'bigint', 'uuid', 'numeric', anycase] as const;
type Type = (typeof types)[number] | (typeof keyTypes)[number];

interface RandomColumn {
  name: string;
  type: Type;
  isNullable: boolean;
  hasDefault: boolean;
  /** The default has another type than the column, if one can be stored in it. */
  isLoose: boolean;
  isUnique: boolean;
  /** Not below zero. */
  isChecked: boolean;
}

export interface RandomTables {
  keys: Type[];
  values: RandomColumn[];
  childKey: Type;
  /** The key of the child has a second part, whose column rounds its default. */
  hasRounded: boolean;
  /** A generated column divides by the first whole number, and so refuses one value of it. */
  hasQuotient: boolean;
  onDelete: string;
  hasTrigger: boolean;
}

/** The value of a column that belongs to a number; different numbers have different values. */
function valueOf(type: Type, n: number, isLoud = false): unknown {
  const days = String(1 + Math.abs(n)).padStart(2, '0');
  const values: Record<Type, unknown> = {
    integer: n,
    bigint: n,
    text: `t${n}`,
    'numeric(8,2)': n + 0.25,
    boolean: n % 2 === 0,
    date: `2024-${n < 0 ? '02' : '01'}-${days}`,
    jsonb: { n, list: [n, null] },
    'text[]': [`a${n}`, null, '{"x"}'],
    numeric: n,
    [anycase]: `${isLoud ? 'T' : 't'}${n}`,
    uuid: `00000000-0000-4000-8000-0000000000${days}`,
  };
  return values[type];
}

/** Defaults that PostgreSQL converts to the type of the column. */
const looseDefaults: Partial<Record<Type, string>> = {
  integer: '7.25',
  text: 'md5(chr(7))::uuid',
  'numeric(8,2)': '7',
  date: `timestamp '2024-01-08 12:00'`,
  jsonb: `json '{"n": 7}'`,
  bigint: '7.5',
};

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
const isNumber = (type: Type): boolean => /int|num/.test(type);
/** A row may be named in two ways: in two spellings, or with and without a part of its key that has a default. */
const hasTwoNames = ({ keys, childKey, hasRounded }: RandomTables): boolean =>
  keys.includes(anycase) || childKey === anycase || hasRounded;

const column = (name: string): fc.Arbitrary<RandomColumn> =>
  fc
    .record({
      name: fc.constant(name),
      type: fc.constantFrom(...types),
      isNullable: fc.boolean(),
      hasDefault: fc.boolean(),
      isLoose: fc.boolean(),
      isUnique: fc.boolean(),
      isChecked: fc.boolean(),
    })
    .map((each) => ({
      ...each,
      isUnique: each.isUnique && !each.hasDefault && /int|text$/.test(each.type),
      isChecked: each.isChecked && isNumber(each.type),
    }));

export const randomTables: fc.Arbitrary<RandomTables> = fc.record({
  keys: fc.array(fc.constantFrom(...keyTypes), { minLength: 1, maxLength: 2 }),
  values: fc.tuple(column('a'), column('B c'), column('select')),
  childKey: fc.constantFrom(...keyTypes),
  hasRounded: fc.boolean(),
  hasQuotient: fc.boolean(),
  onDelete: fc.constantFrom('no action', 'restrict', 'cascade', 'set null'),
  hasTrigger: fc.boolean(),
});

const keyNames = ({ keys }: RandomTables): string[] => keys.map((_, place) => `k${place}`);

export function keyOf(tables: RandomTables, table: 'parent' | 'child'): string[] {
  return table === 'parent' ? keyNames(tables) : tables.hasRounded ? ['id', 'part'] : ['id'];
}

export function tablesText(tables: RandomTables, schema: string): string {
  const { keys, values, childKey, hasRounded, hasQuotient, onDelete, hasTrigger } = tables;
  const names = keyNames(tables);
  const columns = values.map(({ name, type, isNullable, hasDefault, isLoose, isUnique, isChecked }) => {
    const own = type === 'text[]' ? `'{x}'` : `'${textOf(valueOf(type, 7))}'`;
    const fallback = (isLoose ? looseDefaults[type] : undefined) ?? own;
    return `"${name}" ${type} ${isNullable ? '' : 'not null'} ${hasDefault ? `default ${fallback}` : ''}
      ${isUnique ? 'unique' : ''} ${isChecked ? `check ("${name}" >= 0)` : ''}`;
  });
  const divisor = hasQuotient ? values.find(({ type }) => /^(integer|bigint)$/.test(type)) : undefined;
  const quotient =
    divisor === undefined
      ? []
      : [`quotient numeric generated always as (1 / ("${divisor.name}" + 1)::numeric) stored`];
  const own = keys.map((type, place) => `k${place} ${type}`);
  return `create table ${schema}.parent (
      ${[...own, ...columns, ...quotient, 'changes integer default 0', `primary key (${names.join()})`].join(', ')});
    create table ${schema}.child (id ${childKey}, ${own.join()}, v integer default 9,
      ${hasRounded ? 'part numeric(8,2) default 7.005,' : ''} primary key (${keyOf(tables, 'child').join()}),
      foreign key (${names.join()}) references ${schema}.parent on delete ${onDelete});
    ${
      hasTrigger
        ? `create trigger counted before update on ${schema}.parent for each row execute function count_change();`
        : ''
    }`;
}

export interface Step {
  table: 'parent' | 'child';
  operation: Write['operation'];
  body: RowBody | RowBody[];
  ignoresExisting: boolean;
}

/** Numbers of rows; those behind belong to arrays alone, because writes of their rows have no order among each other. */
const rowsMax = 5;
const arrayRows = [11, 12, 13];

interface Drawn {
  table: 'parent' | 'child';
  operation: Write['operation'];
  row: number;
  /** Of the parent. */
  to: number | null;
  numbers: number[];
  given: boolean[];
  nulls: boolean[];
  shift: number;
  /** The key has the other spelling, if its type has two. */
  isLoud: boolean;
  /** The key has the part that has a default. */
  isWhole: boolean;
  ignoresExisting: boolean;
  isArray: boolean;
}

/** A batch with writes that are refused by errors is tried in parts, whose order is not told: such a batch has one table. */
export const randomBatch = (tables: RandomTables): fc.Arbitrary<Step[]> =>
  fc.boolean().chain((isFaulty) =>
    fc.array(drawn(isFaulty), { minLength: 1, maxLength: 10 }).map((steps) => {
      let hasArray = false;
      // Two names of a row have no order among each other, unless one statement writes them.
      const [{ table, operation, given, ignoresExisting, isLoud, isArray: areMixed }] = steps as [Drawn];
      return steps.map((drawnStep) => {
        const each = !hasTwoNames(tables)
          ? drawnStep
          : areMixed
            ? { ...drawnStep, isLoud, isWhole: true }
            : { ...drawnStep, table, operation, given, ignoresExisting, isArray: false };
        const isArray =
          each.isArray && !hasArray && (each.operation === 'insert' || each.operation === 'upsert');
        hasArray ||= isArray;
        return stepOf(tables, { ...each, isArray }, isFaulty);
      });
    }),
  );

const drawn = (isFaulty: boolean): fc.Arbitrary<Drawn> =>
  fc
    .record({
      table: isFaulty ? fc.constant('parent' as const) : fc.constantFrom('parent' as const, 'child' as const),
      operation: fc.constantFrom(
        'insert' as const,
        'insert' as const,
        'upsert' as const,
        'upsert' as const,
        'update' as const,
        'delete' as const,
      ),
      row: fc.integer({ min: 1, max: rowsMax }),
      to: fc.option(fc.integer({ min: 1, max: rowsMax + 1 })),
      numbers: fc.array(fc.integer({ min: isFaulty ? -1 : 0, max: 3 }), { minLength: 3, maxLength: 3 }),
      given: fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
      nulls: fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
      shift: fc.integer({ min: 0, max: 1 }),
      isLoud: fc.boolean(),
      isWhole: fc.constant(false),
      ignoresExisting: fc.boolean(),
      isArray: fc.boolean(),
    })
    .map((each) =>
      // Rows that others refer to are deleted in batches of their own table.
      !isFaulty && each.table === 'parent' && each.operation === 'delete'
        ? { ...each, operation: 'upsert' as const }
        : each,
    );

function stepOf(tables: RandomTables, each: Drawn, isFaulty: boolean): Step {
  const { table, operation, isArray } = each;
  const row = (number: number): RowBody =>
    table === 'parent' ? parentRow(tables, each, number, isFaulty) : childRow(tables, each, number);
  const ignoresExisting = operation === 'upsert' && each.ignoresExisting;
  const rows = arrayRows.slice(0, 1 + (each.row % arrayRows.length));
  return { table, operation, body: isArray ? rows.map(row) : row(each.row), ignoresExisting };
}

function parentRow(tables: RandomTables, each: Drawn, number: number, isFaulty: boolean): RowBody {
  const key = tables.keys.map((type, place) => [`k${place}`, valueOf(type, number, each.isLoud)]);
  if (each.operation === 'delete') return Object.fromEntries(key);
  const isNew = each.operation !== 'update';
  const values = tables.values.flatMap(({ name, type, isNullable, hasDefault, isUnique }, place) => {
    const isNeeded = isNew && !isNullable && !hasDefault && !isFaulty;
    if (!each.given[place] && !isNeeded) return [];
    if (each.nulls[place] && (isNullable || isFaulty)) return [[name, null]];
    // Values of another unique rule differ between the rows of a batch, but may be those of a row from before.
    const n = isUnique ? number + 20 * each.shift : each.numbers[place]!;
    return [[name, valueOf(type, n)]];
  });
  return Object.fromEntries([...key, ...values]) as RowBody;
}

function childRow({ keys, childKey, hasRounded }: RandomTables, each: Drawn, number: number): RowBody {
  const isWhole = each.isWhole || each.operation === 'update' || each.operation === 'delete';
  const own = {
    id: valueOf(childKey, number, each.isLoud),
    ...(hasRounded && isWhole ? { part: 7.01 } : {}),
  };
  if (each.operation === 'delete') return own;
  const { to } = each;
  const parent = each.given[0]
    ? keys.map((type, place) => [`k${place}`, to === null ? null : valueOf(type, to, each.isLoud)])
    : [];
  return {
    ...own,
    ...Object.fromEntries(parent),
    ...(each.given[1] || parent.length === 0 ? { v: each.numbers[0]! } : {}),
  };
}
