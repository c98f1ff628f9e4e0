/** What the catalog of the database says of a table that is a target. Plain data: nodes and writers read it alike. */

export interface Column {
  name: string;
  /** As `format_type` writes it: `numeric(10,2)`, `timestamp with time zone`, `public.mood[]`. */
  type: string;
  /** `typname` of the type, or of the base type of a domain: `numeric`, `timestamptz`, `mood`, `_int4`. */
  baseType: string;
  /** `typcategory`: `N` numbers, `S` strings, `D` dates and times, `B` boolean, `A` arrays, `E` enums, `C` composite, `U` others. */
  category: string;
  /** Greatest number of characters, of `varchar(n)` and `char(n)`. */
  maxLength: number | null;
  /** False: null is refused. A domain may refuse it beside. */
  isNullable: boolean;
  /** The expression that fills the column where a row leaves it out, as `pg_get_expr` writes it; null: there is none. */
  default: string | null;
  /** `always`, `by default`; null: the column is not an identity column. */
  identity: 'always' | 'by default' | null;
  /** A generated column cannot be written. */
  isGenerated: boolean;
  /** Labels, in their order, where the base type is an enum. */
  labels: readonly string[] | null;
}

/** A unique or exclusion constraint, or a unique index. */
export interface UniqueRule {
  name: string;
  /** Columns of the rule, in the order of its index; null where an expression is part of it. */
  columns: readonly string[] | null;
  /** The index has a WHERE clause, or is an exclusion constraint: no arbiter of ON CONFLICT by its columns. */
  isPartial: boolean;
  isDeferrable: boolean;
}

export interface ForeignKey {
  name: string;
  columns: readonly string[];
  /** Name of the table referred to, with its schema. */
  table: string;
  /** In the order of {@link columns}. */
  referencedColumns: readonly string[];
  /** `s`: nothing is checked where one column is null; `f`: all or none of them are. */
  match: 's' | 'f';
  /** It is checked at the end of the transaction. @default false */
  isDeferred?: boolean;
}

export interface TableCatalog {
  /** Name of the target: schema and table, with a dot between them, unquoted. */
  name: string;
  schema: string;
  table: string;
  isPartitioned: boolean;
  /** In the order of the table. */
  columns: readonly Column[];
  /** Columns that identify a row, as configured, or those of the primary key. */
  key: readonly string[];
  uniques: readonly UniqueRule[];
  foreignKeys: readonly ForeignKey[];
  hasRowSecurity: boolean;
  /** Triggers of the user's, by name: for `sluice targets`. */
  triggers: readonly string[];
  /** One of them runs before a row is inserted: also before one that is not, because another has its key. @default false */
  hasBeforeInsert?: boolean;
  /** Whatever has the right types is accepted: no triggers, no CHECK and exclusion constraints, no domains. @default false */
  isPlain?: boolean;
  /** SHA-256, hexadecimal, of all of the above: changes with the table. */
  hash: string;
}
