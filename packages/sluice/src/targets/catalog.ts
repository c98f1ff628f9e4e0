/** A target table as the catalog of the database describes it. Plain data, which nodes and writers read alike. */

export interface Column {
  name: string;
  /** As `format_type` writes it: `numeric(10,2)`, `timestamp with time zone`, `public.mood[]`. */
  type: string;
  /** `typname` of the type, or of the base type of a domain: `numeric`, `timestamptz`, `mood`, `_int4`. */
  baseType: string;
  /** The base type as a statement names it, with a precision and without a length: `numeric(8,2)`, `bpchar`, `public.mood`. @default type */
  bareType?: string;
  /** `typcategory`: `N` numbers, `S` strings, `D` dates and times, `B` boolean, `A` arrays, `E` enums, `C` composite, `U` others. */
  category: string;
  /** Greatest number of characters, of `varchar(n)` and `char(n)`. */
  maxLength: number | null;
  /** False: null is refused. A domain may refuse it, too. */
  isNullable: boolean;
  /** The expression for a missing column, as `pg_get_expr` writes it; null: none. */
  default: string | null;
  /** `always`, `by default`; null: the column is not an identity column. */
  identity: 'always' | 'by default' | null;
  /** A generated column cannot be written. */
  isGenerated: boolean;
  /** Labels in their order, if the base type is an enum. */
  labels: readonly string[] | null;
  /**
   * The collation that compares its values, quoted and with its schema. A nondeterministic one finds different texts equal.
   * @default that of the database, or none
   */
  collation?: { name: string; isDeterministic: boolean } | null;
  /** An index has the column, and a value without a limit, which the index refuses if it is too long. @default false */
  mayBeTooLong?: boolean;
}

/** A unique or exclusion constraint, or a unique index. */
export interface UniqueRule {
  name: string;
  /** Columns of the rule, in the order of its index; null if an expression is part of it. */
  columns: readonly string[] | null;
  /** The index has a WHERE clause, or is an exclusion constraint, so ON CONFLICT cannot use its columns. */
  isPartial: boolean;
  isDeferrable: boolean;
}

export interface ForeignKey {
  name: string;
  columns: readonly string[];
  /** Name of the referenced table, with its schema. */
  table: string;
  /** In the order of {@link columns}. */
  referencedColumns: readonly string[];
  /** `s`: no check if one column is null; `f`: all or none of the columns are null. */
  match: 's' | 'f';
  /** It is checked at the end of the transaction. @default false */
  isDeferred?: boolean;
  /** Its last column is a PERIOD: the ranges of several parents together may cover that of the row. @default false */
  hasPeriod?: boolean;
}

export interface TableCatalog {
  /** Name of the target: schema and table with a dot, unquoted. */
  name: string;
  schema: string;
  table: string;
  isPartitioned: boolean;
  /** In the order of the table. */
  columns: readonly Column[];
  /** Columns that identify a row: the configured ones, or those of the primary key. */
  key: readonly string[];
  uniques: readonly UniqueRule[];
  foreignKeys: readonly ForeignKey[];
  hasRowSecurity: boolean;
  /** Triggers of the user, by name, for `sluice targets`. */
  triggers: readonly string[];
  /** A trigger runs before the insert of a row, even of a row that is then not inserted, because its key exists. @default false */
  hasBeforeInsert?: boolean;
  /**
   * Any row with the right types is accepted: no triggers, partitions, policies, CHECK or exclusion constraints,
   * domains, generated columns, or indexes with expressions. @default false
   */
  isPlain?: boolean;
  /** SHA-256, hexadecimal, of all fields above: it changes with the table. */
  hash: string;
  /**
   * Its number in the catalog of this database, and what `sluice.table_version` says of it. Statements check both.
   * @default not checked
   */
  version?: { oid: number; text: string };
}
