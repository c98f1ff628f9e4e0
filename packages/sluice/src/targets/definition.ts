/** Targets in a program or a configuration file: a table, a function of the database, or a handler in code. */

/** Rows of a table. The catalog of the database has everything else about it. */
export interface TableDefinition {
  /** The table with its schema, `public.orders`. @default schema `public`. Names are unquoted, as in the catalog. */
  table: string;
  /** Columns of the unique constraint that identifies a row. @default those of the primary key */
  key?: readonly string[];
  /**
   * `bypass` accepts that policies of row-level security are not applied per client, because they apply to the
   * writer's role and cannot see the client. @default a table with row-level security is refused
   */
  rowSecurity?: 'bypass';
}

/** A set-returning function: it receives the writes of a batch as one `jsonb` array, and returns one row for each. */
export interface FunctionDefinition {
  /** The function, with its schema: `app.count_views`. */
  function: string;
  /** JSON paths into the body. Their values are the key: writes of one key keep their order. E.g. `['$.page']`. */
  key: readonly string[];
}

/** Code of the program, run by the writer inside the transaction of the batch. Made by `defineTarget`. */
export interface HandlerDefinition {
  /** Unique name, which clients use. */
  name: string;
  /** As for a function. */
  key: readonly string[];
  /** Settles the writes, in order of arrival; returns one result for each, in the same order. */
  settle(batch: HandlerBatch): Promise<readonly HandlerResult[]>;
}

export type TargetDefinition = TableDefinition | FunctionDefinition | HandlerDefinition;

export interface HandlerBatch {
  readonly writes: readonly HandlerWrite[];
  /**
   * Runs one statement with `$1…`, in the transaction of the batch. Write rows in the order of their keys, so that
   * lanes do not deadlock. BEGIN, COMMIT, ROLLBACK, SAVEPOINT, LISTEN and SET are refused. A `bigint` becomes a number,
   * which may be rounded: cast large ones to `text`.
   */
  readonly query: (text: string, values?: readonly unknown[]) => Promise<Record<string, unknown>[]>;
}

export interface HandlerWrite {
  readonly writeId: string;
  /** Name of the client that submitted the write. */
  readonly client: string;
  /** The parsed body. Numbers beyond 2^53 lose digits; {@link text} has all of them. */
  readonly body: unknown;
  /** The body as JSON text, as PostgreSQL writes it. */
  readonly text: string;
}

export type HandlerResult =
  | { result: 'created' | 'updated' | 'unchanged' | 'deleted'; answer?: unknown }
  /** The write changes nothing; `code` is the target's reason, in the detail of the answer. */
  | { result: 'refused'; code: string; answer?: unknown };

export function isTable(definition: TargetDefinition): definition is TableDefinition {
  return 'table' in definition;
}

export function isFunction(definition: TargetDefinition): definition is FunctionDefinition {
  return 'function' in definition;
}

/** The name for clients, and the resource of the writes: `public.orders`, `app.count_views`, or a handler's own name. */
export function nameOf(definition: TargetDefinition): string {
  if (isTable(definition)) return withSchema(definition.table);
  return isFunction(definition) ? withSchema(definition.function) : definition.name;
}

function withSchema(name: string): string {
  return name.includes('.') ? name : `public.${name}`;
}

/**
 * Whether the resource of a write is an endpoint of documents, which has a slash between two names. Names of tables
 * and functions have a dot; those of handlers have no slash.
 */
export function isEndpoint(resource: string): boolean {
  return /^[^./]+\/[^/]+$/.test(resource);
}
