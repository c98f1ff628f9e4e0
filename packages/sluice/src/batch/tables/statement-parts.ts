/** The common parts of the statements for one form of one table: values of the bodies, and missing parents. */
import type { Column, RowForm, TableCatalog } from '#targets';
import { formColumns, type FormColumns } from './form-columns.ts';
import { quotedName } from '#store';
import {
  areEqual,
  castText,
  collated,
  collatedLike,
  columnOf,
  defaultOf,
  exactValues,
  literal,
  tableName,
} from './names.ts';
import {
  isFoldable,
  type Parent,
  type Purpose,
  type RowState,
  type StatementOptions,
} from './statement-options.ts';

/** A large body is decompressed here, and not for each column. The elements of an array are copies anyway. */
const copiedBody = "body || '{}' as body";

/** The common texts. Columns of `given` are named by their places in the table, so that names are unique. */
export class Parts {
  readonly catalog: TableCatalog;
  readonly form: RowForm;
  readonly schema: string;
  readonly source: StatementOptions['source'];
  readonly mayWait: boolean;
  readonly purpose: Purpose;
  readonly isInsert: boolean;
  readonly table: string;
  readonly read: FormColumns['read'];
  readonly filled: FormColumns['filled'];
  readonly matched: FormColumns['matched'];
  readonly parents: FormColumns['parents'];
  readonly isSingle: boolean;
  readonly isFolding: boolean;

  constructor(options: StatementOptions) {
    const { catalog, form, source, schema, mayWait, purpose } = options;
    this.catalog = catalog;
    this.form = form;
    this.source = source;
    this.schema = schema;
    this.mayWait = mayWait;
    this.table = tableName(catalog);
    this.purpose = purpose;
    this.isInsert = form.operation === 'insert' || form.operation === 'upsert';
    const { read, filled, matched, parents } = formColumns(options);
    this.read = read;
    this.filled = filled;
    this.matched = matched;
    this.parents = parents;
    this.isSingle = form.isArray || matched.length < (form.onConflict ?? catalog.key).length;
    this.isFolding = isFoldable(catalog, form);
  }

  /** Its name in `given`. */
  at(name: string): string {
    return `c${this.catalog.columns.findIndex((column) => column.name === name)}`;
  }

  /** The name of its text. Whole bodies would be copied at each step. */
  private textAt(name: string): string {
    return `t${this.at(name)}`;
  }

  /** Columns whose texts name missing parents. */
  private get parentNames(): string[] {
    return [...new Set(this.parents.flatMap(({ foreignKey }) => foreignKey.columns))];
  }

  given(names: readonly string[]): string[] {
    return names.map((name) => `g.${this.at(name)}`);
  }

  inTable(names: readonly string[], alias = 't'): string[] {
    return names.map((name) => `${alias}.${quotedName(name)}`);
  }

  /** The values of `jsonb_to_record`, which compare as these columns do. */
  inRecord(names: readonly string[], compared: readonly Column[]): string[] {
    return names.map((name, index) => collated(`r.${quotedName(name)}`, compared[index]!));
  }

  get matchedNames(): string[] {
    return this.matched.map(({ name }) => name);
  }

  /**
   * Fails when PostgreSQL plans the statement, if the table is no longer as the catalog says. The server plans it again
   * after each change of the table.
   */
  private get versionText(): string {
    const { version } = this.catalog;
    if (version === undefined) return '';
    return ` where ${quotedName(this.schema)}.has_table_version(${version.oid}::oid, ${literal(version.text)})`;
  }

  /** `place` and `body` of each row. */
  get sourceText(): string {
    const found =
      this.source === 'memory'
        ? 'select w.place, w.body from unnest($1::jsonb[]) with ordinality as w (body, place)'
        : // One look-up for each id, whatever the statistics of the intake say.
          `select w.place, i.body from unnest($1::uuid[]) with ordinality as w (id, place)
           cross join lateral (select ${this.form.isArray ? 'body' : copiedBody} from ${quotedName(this.schema)}.intake where write_id = w.id offset 0) i`;
    const bodies = found + this.versionText;
    if (!this.form.isArray) return bodies;
    return `select e.place, e.body from (${bodies}) w
            cross join lateral jsonb_array_elements(w.body) with ordinality as e (body, place)`;
  }

  /** Values of the columns, and which of several bodies of one row is the first. */
  get givenText(): string {
    // Two spellings of one value are two keys to Sluice, and one key to the table.
    const isOrdered = this.matched.length > 0;
    const order = this.matchedNames.map((name) => this.at(name)).join(', ');
    const values = [
      's.place',
      ...this.parentNames.map((name) => `s.body ->> ${literal(name)} as ${this.textAt(name)}`),
      ...this.read.map((column) => `${collated(this.valueOf(column), column)} as ${this.at(column.name)}`),
      ...this.filled.map((column) => {
        const value = defaultOf(this.catalog, column) ?? `null::${column.type}`;
        return `${collated(value, column)} as ${this.at(column.name)}`;
      }),
    ];
    const rows = `select ${values.join(', ')} from source s ${this.recordText(this.read.filter((column) => castText(column) === null))}`;
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

  /** A written row of a partitioned table does not show whether it existed before. */
  get existedText(): string {
    if (!this.catalog.isPartitioned || !this.isInsert) return '';
    const values = this.matchedNames.map((name) => `v.${this.at(name)}`);
    return `, exists (select from ${this.table} t where ${areEqual(this.inTable(this.matchedNames), values)} offset 0) as existed`;
  }

  /** These columns of a body, as values of their types. */
  recordText(columns: readonly Column[] = this.read): string {
    if (columns.length === 0) return '';
    const named = columns.map(({ name, type }) => `${quotedName(name)} ${type}`);
    return `cross join lateral jsonb_to_record(s.body) as r (${named.join(', ')})`;
  }

  private valueOf(column: Column): string {
    const value = castText(column) ?? `r.${quotedName(column.name)}`;
    const fallback = column.isGenerated ? null : defaultOf(this.catalog, column);
    const names = this.form.operation === 'update' ? this.catalog.key : [];
    if (fallback === null || this.form.operation === 'delete' || names.includes(column.name)) return value;
    return `case when s.body ? ${literal(column.name)} then ${value} else ${fallback} end`;
  }

  /** The values of a foreign key without a parent; null: it has one, or one of its columns is null. */
  private missingText({ foreignKey, catalog }: Parent): string {
    const { columns, referencedColumns } = foreignKey;
    const values = columns.map((name, index) => {
      const referenced = columnOf(catalog, referencedColumns[index]!);
      return collatedLike(`v.${this.at(name)}`, columnOf(this.catalog, name), referenced);
    });
    // With an offset, each is an index look-up; without one, a batch may read the whole table.
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
    // A later write of the batch may bring the parent.
    if (foreignKey.isDeferred === true)
      conditions.push(this.isSingle ? 'cardinality($2::bigint[]) = 0' : 'v.place <> all($2::bigint[])');
    const texts = columns.map((name) => {
      const text = `v.${this.textAt(name)}`;
      // The body may leave the column to its default.
      return columnOf(this.catalog, name).default === null
        ? text
        : `coalesce(${text}, v.${this.at(name)}::text)`;
    });
    return `case when ${conditions.join(' and ')} then jsonb_build_array(${texts.join(', ')}) end`;
  }

  get hasParents(): string {
    return this.parents.map((_, index) => `g.m${index} is null`).join(' and ') || 'true';
  }

  get missing(): string {
    if (this.parents.length === 0) return 'null::jsonb';
    return `case when not (${this.hasParents}) then jsonb_build_array(${this.parents.map((_, index) => `g.m${index}`).join(', ')}) end`;
  }

  /**
   * The statement returns no row if this is the state of all writes, because its sort costs 2 µs a write. Null: it
   * always returns the rows.
   */
  get plainState(): RowState | null {
    const { catalog, form, isInsert } = this;
    if (this.isSingle || form.isReturning || this.isKeyReturned) return null;
    if (!isInsert) return form.operation === 'delete' ? 'deleted' : 'updated';
    const isMerge = form.operation === 'upsert' && !form.ignoresExisting;
    return this.mayChangeKey || (isMerge && catalog.isPartitioned) ? null : 'created';
  }

  /** The database gives a part of the key. */
  get isKeyReturned(): boolean {
    return this.isInsert && this.catalog.key.some((name) => !this.form.columns.includes(name));
  }

  /**
   * A row may be stored with another key than that of its body: by a trigger, or because its column changes a default on
   * the way, as `varchar(3)` cuts spaces. A cast to a type without a length changes nothing.
   */
  get mayChangeKey(): boolean {
    const { triggers, hasBeforeInsert = false } = this.catalog;
    const isChanged = ({ name, type, bareType = type, identity }: Column): boolean =>
      identity === null && type !== bareType && this.matchedNames.includes(name);
    return this.isInsert && (triggers.length > 0 || hasBeforeInsert || this.filled.some(isChanged));
  }

  /** The columns of a row that the answers need, beside its state. With a star: a column may have the name of the alias. */
  returning(): string {
    const key = this.catalog.columns.filter(({ name }) => this.catalog.key.includes(name));
    return `${this.isKeyReturned || (this.mayChangeKey && !this.form.isArray) ? exactValues('t', key) : 'null::jsonb'} as key,
      ${this.form.isReturning ? 'row_to_json(t.*)::text' : 'null::text'} as row`;
  }
}
