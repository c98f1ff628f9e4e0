/**
 * The statement that settles the writes of one form to one table: generated from the catalog, with quoted names, and without
 * anything of a request. It reads the bodies where they are, writes rows in the order of their keys, and tells of each body what
 * became of it: a {@link RowState}.
 */
import { hash } from 'node:crypto';
import type { Column, ForeignKey, RowForm, TableCatalog } from '#targets';
import { areEqual, defaultOf, exactRow, exactValues, listOf, literal, quoted, tableName } from './names.ts';

/**
 * `exists`: another row has the values of a unique rule; `parent`: a row that it refers to is not there; `later`: another body
 * of the statement names the same row, and goes first; `locked`: another transaction has locked the row; `absent`: there is no
 * row of this key.
 */
export type RowState =
  'created' | 'updated' | 'unchanged' | 'deleted' | 'exists' | 'parent' | 'later' | 'locked' | 'absent';

/** A foreign key to a table that is a target, too. */
export interface Parent {
  foreignKey: ForeignKey;
  catalog: TableCatalog;
}

export type Purpose = 'settle' | 'strict' | 'conflict' | 'lock';

export interface StatementOptions {
  catalog: TableCatalog;
  form: RowForm;
  /** Foreign keys whose rows are looked for first. */
  parents: readonly Parent[];
  /** `intake`: $1 are ids of writes; `memory`: $1 are bodies. */
  source: 'intake' | 'memory';
  /** The schema of the deployment. */
  schema: string;
  /** Rows that another transaction has locked are waited for. */
  mayWait: boolean;
  /**
   * `settle`: the writes. Of inserts: `strict`: without looking away from a conflict, which is an error then; `conflict`: nothing is
   * written, it says which unique rule each body meets. `lock`: nothing is written, it says whose rows are locked.
   */
  purpose: Purpose;
  /** Of the catalog: a statement that was prepared before a change of a table is not used after it. */
  version: string;
}

export interface RowStatement {
  /** Under which a session prepares it; null: it does not. */
  name: string | null;
  text: string;
  /** What the bodies become cannot be told from each other by their keys: the statement takes one write. */
  isSingle: boolean;
  /** In the order of the column `missing` of its rows. */
  parents: readonly Parent[];
  /** $2 are the places of writes that may refer to what this batch brings later: by foreign keys that are checked at its end. */
  hasDeferred: boolean;
}

/**
 * Whether upserts of one row may become one write of it, of the last values: then none of them alone may be refused, and nothing
 * may see each of them. Types are looked at for all of them.
 */
export function isFoldable(catalog: TableCatalog, form: RowForm): boolean {
  const has = (columns: readonly string[]): boolean => columns.some((name) => form.columns.includes(name));
  const isKey = (columns: readonly string[]): boolean => columns.every((name) => catalog.key.includes(name));
  return (
    form.operation === 'upsert' &&
    !form.isArray &&
    !form.ignoresExisting &&
    !form.isReturning &&
    form.onConflict === null &&
    catalog.isPlain === true &&
    catalog.key.every((name) => form.columns.includes(name)) &&
    !catalog.foreignKeys.some(({ columns }) => has(columns)) &&
    catalog.uniques.every(({ columns }) => columns !== null && (isKey(columns) || !has(columns)))
  );
}

export function rowStatement(options: StatementOptions): RowStatement {
  const parts = new Parts(options);
  const text = textOf(parts);
  const { isSingle, parents } = parts;
  const hasDeferred = text.includes('$2');
  const name = `row_${hash('sha256', options.version + text, 'hex').slice(0, 24)}`;
  return { name, text, isSingle, parents, hasDeferred };
}

function textOf(parts: Parts): string {
  if (parts.purpose === 'conflict') return conflictText(parts);
  if (parts.purpose === 'lock') return lockText(parts);
  return parts.isInsert ? insertText(parts) : changeText(parts);
}

/** What the texts have in common. Columns of `given` are named by their places in the table, so that none is met twice. */
class Parts {
  readonly catalog: TableCatalog;
  readonly form: RowForm;
  readonly schema: string;
  readonly source: StatementOptions['source'];
  readonly mayWait: boolean;
  readonly purpose: Purpose;
  readonly isInsert: boolean;
  readonly table: string;
  /** Columns that are read from the body. */
  readonly read: readonly Column[];
  /** Columns of the key that the database fills. */
  readonly filled: readonly Column[];
  /** By these, what was written is told apart. */
  readonly matched: readonly Column[];
  readonly parents: readonly Parent[];
  readonly isSingle: boolean;
  readonly isFolding: boolean;

  constructor({ catalog, form, parents, source, schema, mayWait, purpose }: StatementOptions) {
    this.catalog = catalog;
    this.form = form;
    this.source = source;
    this.schema = schema;
    this.mayWait = mayWait;
    this.table = tableName(catalog);
    this.purpose = purpose;
    this.isInsert = form.operation === 'insert' || form.operation === 'upsert';
    const { isInsert } = this;
    const names = new Set(isInsert ? form.columns : [...catalog.key, ...form.columns]);
    this.read = catalog.columns.filter(({ name }) => names.has(name));
    const filled = catalog.columns.filter(
      (column) =>
        catalog.key.includes(column.name) && !names.has(column.name) && defaultOf(catalog, column) !== null,
    );
    // A row without any column is a row still: one of them is given what it would get.
    const any = catalog.columns.filter((column) => !column.isGenerated).slice(0, 1);
    this.filled = !isInsert ? [] : filled.length + this.read.length === 0 ? any : filled;
    const matched = form.onConflict ?? catalog.key;
    const known = [...this.read, ...this.filled];
    this.matched = known.filter(({ name }) => matched.includes(name));
    this.parents = parents.filter(({ foreignKey }) =>
      foreignKey.columns.every((name) => form.columns.includes(name)),
    );
    this.isSingle = form.isArray || this.matched.length < matched.length;
    this.isFolding = isFoldable(catalog, form);
  }

  /** Its name in `given`. */
  at(name: string): string {
    return `c${this.catalog.columns.findIndex((column) => column.name === name)}`;
  }

  given(names: readonly string[]): string[] {
    return names.map((name) => `g.${this.at(name)}`);
  }

  inTable(names: readonly string[], alias = 't'): string[] {
    return names.map((name) => `${alias}.${quoted(name)}`);
  }

  get matchedNames(): string[] {
    return this.matched.map(({ name }) => name);
  }

  /** `place` and `body` of each row. */
  get sourceText(): string {
    const bodies =
      this.source === 'memory'
        ? 'select w.place, w.body from unnest($1::jsonb[]) with ordinality as w (body, place)'
        : // One look-up for each id, whatever the statistics of the intake say.
          `select w.place, i.body from unnest($1::uuid[]) with ordinality as w (id, place)
           cross join lateral (select body from ${quoted(this.schema)}.intake where write_id = w.id offset 0) i`;
    if (!this.form.isArray) return bodies;
    return `select e.place, e.body from (${bodies}) w
            cross join lateral jsonb_array_elements(w.body) with ordinality as e (body, place)`;
  }

  /** Values of the columns, and which of the rows that the bodies name is first. */
  get givenText(): string {
    // Two spellings of one value are two keys to Sluice, and one to the table.
    const isOrdered = this.matched.length > 0;
    const order = this.matchedNames.map((name) => this.at(name)).join(', ');
    const values = [
      's.place',
      's.body',
      ...this.read.map((column) => `${this.valueOf(column)} as ${this.at(column.name)}`),
      ...this.filled.map(
        (column) => `${defaultOf(this.catalog, column) ?? `null::${column.type}`} as ${this.at(column.name)}`,
      ),
    ];
    const rows = `select ${values.join(', ')} from source s ${this.recordText}`;
    const place = `row_number() over (partition by ${order} order by place`;
    const turn = this.isFolding
      ? `${place} desc) as turn, ${place}) = 1 as is_first`
      : isOrdered
        ? `${place}) as turn`
        : '1 as turn';
    return `source as (${this.sourceText}),
      valued as materialized (${rows}),
      given as materialized (
        select v.*, ${turn}${this.existedText}${this.parents.map((parent, index) => `, ${this.missingText(parent)} as m${index}`).join('')}
        from valued v
      )`;
  }

  /** Of a partitioned table, a row that is written does not say whether it was there before. */
  get existedText(): string {
    if (!this.catalog.isPartitioned || !this.isInsert) return '';
    const values = this.matchedNames.map((name) => `v.${this.at(name)}`);
    return `, exists (select from ${this.table} t where ${areEqual(this.inTable(this.matchedNames), values)} offset 0) as existed`;
  }

  /** The columns of a body, as values of their types. */
  get recordText(): string {
    if (this.read.length === 0) return '';
    const columns = this.read.map(({ name, type }) => `${quoted(name)} ${type}`);
    return `cross join lateral jsonb_to_record(s.body) as r (${columns.join(', ')})`;
  }

  private valueOf(column: Column): string {
    const value = `r.${quoted(column.name)}`;
    const fallback = column.isGenerated ? null : defaultOf(this.catalog, column);
    const names = this.form.operation === 'update' ? this.catalog.key : [];
    if (fallback === null || this.form.operation === 'delete' || names.includes(column.name)) return value;
    return `case when s.body ? ${literal(column.name)} then ${value} else ${fallback} end`;
  }

  /** The values of a foreign key that leads to no row; null: it leads to one, or one of its columns is null. */
  private missingText({ foreignKey, catalog }: Parent): string {
    const { columns, referencedColumns } = foreignKey;
    const values = columns.map((name) => `v.${this.at(name)}`);
    // With an offset, each is an index lookup: without one, the whole table may be read for a batch.
    const conditions = [
      ...values.map((value) => `${value} is not null`),
      `not exists (select from ${tableName(catalog)} p where ${areEqual(this.inTable(referencedColumns, 'p'), values)} offset 0)`,
    ];
    // Rows of one statement may refer to each other.
    const known = new Set([...this.read, ...this.filled].map(({ name }) => name));
    if (catalog.name === this.catalog.name && referencedColumns.every((name) => known.has(name)))
      conditions.push(
        `(${values.join(', ')}) not in (select ${referencedColumns.map((name) => `o.${this.at(name)}`).join(', ')} from valued o)`,
      );
    // It may be met later in the batch.
    if (foreignKey.isDeferred === true)
      conditions.push(this.isSingle ? 'cardinality($2::bigint[]) = 0' : 'v.place <> all($2::bigint[])');
    const texts = columns.map((name) => `v.body ->> ${literal(name)}`);
    return `case when ${conditions.join(' and ')} then jsonb_build_array(${texts.join(', ')}) end`;
  }

  get hasParents(): string {
    return this.parents.map((_, index) => `g.m${index} is null`).join(' and ') || 'true';
  }

  get missing(): string {
    if (this.parents.length === 0) return 'null::jsonb';
    return `case when not (${this.hasParents}) then jsonb_build_array(${this.parents.map((_, index) => `g.m${index}`).join(', ')}) end`;
  }

  /** What the writes' answers have of a row, beside its state. */
  returning(isInsert: boolean): string {
    const key = this.catalog.columns.filter(({ name }) => this.catalog.key.includes(name));
    const isGiven = isInsert && key.some(({ name }) => !this.form.columns.includes(name));
    return `${isGiven ? exactValues('t', key) : 'null::jsonb'} as key,
      ${this.form.isReturning ? exactRow('t', this.catalog.columns) : 'null::jsonb'} as row`;
  }
}

function insertText(parts: Parts): string {
  const { catalog, form, matched, matchedNames } = parts;
  const isMerge = form.operation === 'upsert' && !form.ignoresExisting;
  const columns = [...parts.read, ...parts.filled].map(({ name }) => name);
  const hasAlways = parts.filled.some(({ identity }) => identity === 'always');
  const target = `(${listOf(columns)})${hasAlways ? ' overriding system value' : ''}`;
  const order = matchedNames.length === 0 ? 'g.place' : parts.given(matchedNames).join(', ');
  const isFree = arrayCondition(parts);
  const select = `select ${parts.given(columns).join(', ')} from given g
    where ${form.isArray ? 'true' : 'g.turn = 1'} and ${parts.hasParents}${isFree === '' ? '' : ` and ${isFree}`} order by ${order}`;
  const found = matched.map(
    ({ name, isNullable }) =>
      `w.k_${parts.at(name)} ${isNullable ? 'is not distinct from' : '='} g.${parts.at(name)}`,
  );
  const isJoined = !parts.isSingle || matched.length === (form.onConflict ?? catalog.key).length;
  const keys = isJoined
    ? matched.map(({ name }) => `t.${quoted(name)} as k_${parts.at(name)}, `).join('')
    : '';
  const isNew = `${catalog.isPartitioned ? 'not g.existed' : 'w.is_new'}${parts.isFolding ? ' and g.is_first' : ''}`;
  const created = isMerge ? `case when ${isNew} then 'created' else 'updated' end` : `'created'`;
  const later = parts.isFolding || form.isArray ? '' : `when g.turn > 1 then 'later'`;
  // Of two equal rows of an array, the second meets the first.
  const isWritten =
    form.isArray && form.operation === 'insert'
      ? 'w.is_new is not null and g.turn = 1'
      : 'w.is_new is not null';
  const unwritten = form.operation === 'upsert' ? `'unchanged'` : `'exists'`;
  const written = `written as (
    insert into ${parts.table} as t ${target} ${select}
    ${conflictClause(parts)}
    returning ${keys}${isMerge && !catalog.isPartitioned ? '(t.xmax = 0)' : 'true'} as is_new, ${parts.returning(true)}
  )`;
  // PostgreSQL looks for a conflict first, for parents at the end of the statement.
  const conflicts = isMerge || form.isArray ? [] : conflictsOf(parts).map(({ condition }) => condition);
  const orphan =
    conflicts.length === 0
      ? `'parent'`
      : `case when ${conflicts.join(' or ')} then ${unwritten} else 'parent' end`;
  const state = `case ${later} when not (${parts.hasParents}) then ${orphan}
    when ${isWritten} then ${created} else ${unwritten} end`;
  const rows = isJoined
    ? `select g.place, ${state} as state, ${parts.missing} as missing, w.key, w.row
       from given g left join written w on ${found.join(' and ')}`
    : `select g.place, ${state} as state, ${parts.missing} as missing, w.key, w.row
       from given g left join (select row_number() over () as place, * from written) w using (place)`;
  // A trigger may give a row another key: then it is missed.
  const total =
    catalog.triggers.length > 0
      ? `union all select 0, 'total', to_jsonb(count(*)), null, null from written`
      : '';
  return `with ${parts.givenText}, ${written} ${rows} ${total}`;
}

/** All rows of an array are written, or none: where a row's key is taken or its parent is missing, none. */
function arrayCondition(parts: Parts): string {
  const { form, catalog, parents } = parts;
  if (!form.isArray) return '';
  const faults = parents.map((_, index) => `a.m${index} is not null`);
  const keys = catalog.key.filter((name) => form.columns.includes(name));
  if (form.operation === 'insert' && keys.length === catalog.key.length)
    faults.push(
      `exists (select from ${parts.table} t where ${areEqual(
        parts.inTable(keys),
        keys.map((name) => `a.${parts.at(name)}`),
      )} offset 0)`,
    );
  return faults.length === 0 ? '' : `not exists (select from given a where ${faults.join(' or ')})`;
}

function conflictClause({ catalog, form, matched, purpose }: Parts): string {
  if (purpose === 'strict') return '';
  const columns = form.onConflict ?? catalog.key;
  const arbiter = `(${listOf(columns)})`;
  if (form.operation === 'insert') {
    // Without columns, all rules are meant; a deferrable one cannot be.
    return `on conflict ${catalog.uniques.some((rule) => rule.isDeferrable) ? arbiter : ''} do nothing`;
  }
  if (form.ignoresExisting) return `on conflict ${arbiter} do nothing`;
  const changed = form.columns.filter((name) => !columns.includes(name));
  const set = changed.length > 0 ? changed : matched.map(({ name }) => name).slice(0, 1);
  const pairs = set.map((name) => `${quoted(name)} = excluded.${quoted(name)}`);
  return `on conflict ${arbiter} do update set ${pairs.join(', ')}`;
}

/** Update and delete. The rows are locked in the order of their keys first; one that another transaction has locked is told. */
function changeText(parts: Parts): string {
  const { catalog, form, table } = parts;
  const { key } = catalog;
  const isDelete = form.operation === 'delete';
  const same = areEqual(parts.inTable(key), parts.given(key));
  const strength = isDelete ? 'update' : 'no key update';
  const locked = `locked as materialized (
    select g.place from ${table} t join given g on ${same}
    where g.turn = 1 and ${parts.hasParents} order by ${parts.inTable(key).join(', ')}
    for ${strength} of t${parts.mayWait ? '' : ' skip locked'}
  )`;
  const place = 'g.place = any(array(select place from locked))';
  const changed = form.columns.length > 0 ? form.columns : key.slice(0, 1);
  const set = changed.map((name) => `${quoted(name)} = g.${parts.at(name)}`);
  const change = isDelete
    ? `delete from ${table} t using given g where ${place} and ${same}`
    : `update ${table} t set ${set.join(', ')} from given g where ${place} and ${same}`;
  const written = `written as (${change} returning g.place, ${parts.returning(false)})`;
  // A trigger may keep the row as it is.
  const state = `case when g.turn > 1 then 'later'
    when w.place is not null then '${isDelete ? 'deleted' : 'updated'}'
    when g.place = any(array(select place from locked)) then 'unchanged'
    when not exists (select from ${table} t where ${same} offset 0) then 'absent'
    when not (${parts.hasParents}) then 'parent' else 'locked' end`;
  return `with ${parts.givenText}, ${locked}, ${written}
    select g.place, ${state} as state, ${parts.missing} as missing, w.key, w.row from given g left join written w using (place)`;
}

/** The first unique rule that another row meets by columns of the body; null where none can be told by these. */
function conflictText(parts: Parts): string {
  const cases = conflictsOf(parts).map(({ name, condition }) => `when ${condition} then ${literal(name)}`);
  const name = cases.length === 0 ? 'null::text' : `case ${cases.join(' ')} end`;
  return `with ${parts.givenText} select g.place, ${name} as name from given g`;
}

/** Of each unique rule that columns of the body decide: whether another row meets it. Of an upsert only that of its rows. */
function conflictsOf(parts: Parts): { name: string; condition: string }[] {
  const { catalog, form, table, matchedNames } = parts;
  return catalog.uniques.flatMap(({ name, columns, isPartial }) => {
    if (isPartial || columns === null || !columns.every((column) => form.columns.includes(column))) return [];
    const isMatched =
      columns.length === matchedNames.length && columns.every((column) => matchedNames.includes(column));
    if (form.operation === 'upsert' && !isMatched) return [];
    const same = areEqual(parts.inTable(columns), parts.given(columns));
    return [{ name, condition: `exists (select from ${table} t where ${same} offset 0)` }];
  });
}

/** Locks the rows that exist, and says which another transaction has locked. */
function lockText(parts: Parts): string {
  const { table, matchedNames } = parts;
  const same = areEqual(parts.inTable(matchedNames), parts.inTable(matchedNames, 'r'));
  return `with source as (${parts.sourceText}),
    free as materialized (
      select s.place from source s ${parts.recordText} join ${table} t on ${same}
      order by ${parts.inTable(matchedNames).join(', ')} for no key update of t skip locked
    )
    select s.place from source s ${parts.recordText}
    where s.place <> all(array(select place from free)) and exists (select from ${table} t where ${same} offset 0)`;
}
