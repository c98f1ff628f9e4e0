/**
 * The settings that statements and parsers rely on. A server, a database or a role may set any of them, so each
 * session sets them again; behind a pooler in transaction mode, each transaction does.
 */
import { SluiceError } from '#protocol';
import pg from 'pg';

/** Formats that the parsers of values expect, and how the server reads literals and arrays. */
const formSettings = {
  DateStyle: 'ISO, YMD',
  IntervalStyle: 'postgres',
  // JSON made by the server has times in the zone of the session.
  TimeZone: 'UTC',
  extra_float_digits: '1',
  bytea_output: 'hex',
  standard_conforming_strings: 'on',
  // If off, NULL in an array parameter is the text "NULL".
  array_nulls: 'on',
  transform_null_equals: 'off',
};

/**
 * How transactions run. `default_transaction_read_only` is not set, because an operator, or a provider whose disk is
 * nearly full, uses it to make a database read-only.
 */
const transactionSettings = {
  // Triggers, fence and cancellation need a new snapshot for each statement.
  default_transaction_isolation: 'read committed',
  default_transaction_deferrable: 'off',
  exit_on_error: 'off',
  row_security: 'on',
  restrict_nonsystem_relation_kind: '',
  // Above zero, a search in an index of arrays returns a sample of its rows.
  gin_fuzzy_search_limit: '0',
};

/** The driver gives up an answer after 35 s; the server ends a statement before that, so it does not run on. */
const limitSettings = {
  statement_timeout: '30s',
  lock_timeout: '0',
  transaction_timeout: '60s',
  idle_in_transaction_session_timeout: '30s',
  idle_session_timeout: '0',
  client_connection_check_interval: '0',
};

/** For work whose time depends on the size of tables: migrations, roles. */
const patientSettings = {
  statement_timeout: '0',
  transaction_timeout: '0',
  idle_in_transaction_session_timeout: '0',
};

/**
 * Nested loops over indexes are right for every statement here, at every size of the tables. Sessions and their
 * prepared plans live long, so a plan that an ANALYZE of small tables suggests must not be kept.
 */
const planSettings = {
  enable_seqscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  enable_nestloop: 'on',
  enable_indexscan: 'on',
  enable_indexonlyscan: 'on',
  enable_bitmapscan: 'on',
  enable_tidscan: 'on',
  from_collapse_limit: '8',
  join_collapse_limit: '8',
  // Planned once for each session. A custom plan is made at each call, and costs more than many of these statements.
  plan_cache_mode: 'force_generic_plan',
  jit: 'off',
};

const base: Readonly<Record<string, string>> = {
  ...formSettings,
  ...transactionSettings,
  ...limitSettings,
  ...planSettings,
};

export interface SessionSettings {
  /** Further settings of this kind of session. */
  settings?: Readonly<Record<string, string>>;
  /** 0: its statements have no time limit. */
  answerTimeoutMs?: number;
}

/**
 * Statements that make the settings, for the session or for a transaction; settings that this server does not know
 * are skipped. Names and values are constants, but quoted all the same. Before the search path is set, no name may be
 * found by it. Its own value comes after pg_catalog, for the statements of projections.
 */
function settingsText({ settings = {}, answerTimeoutMs }: SessionSettings, isLocal = false): string {
  const values = { ...base, ...(answerTimeoutMs === 0 ? patientSettings : {}), ...settings };
  const pairs = Object.entries(values).map(
    ([name, value]) => `(${pg.escapeLiteral(name)}, ${pg.escapeLiteral(value)})`,
  );
  const set = (name: string, value: string, from = ''): string =>
    `select pg_catalog.set_config(${name}, ${value}, ${isLocal})${from}`;
  const is = (name: string, operator: string, value: string): string =>
    `pg_catalog.current_setting('${name}') operator(pg_catalog.${operator}) '${value}'`;
  const current = (name: string): string => `pg_catalog.current_setting('${name}')`;
  return [
    // First and separate, because the present limits may be short, and the clock of the second statement runs on unless
    // it is 0.
    `set ${isLocal ? 'local ' : ''}statement_timeout = 0`,
    set(
      `'transaction_timeout'`,
      `'0'`,
      ` where pg_catalog.current_setting('transaction_timeout', true) is not null`,
    ),
    set(
      `'search_path'`,
      `pg_catalog.concat_ws(', ', 'pg_catalog', case when ${is('search_path', '<>', '')} then ${current('search_path')} end)`,
    ),
    // If off, a crash could lose an acknowledged write. A stronger value than on is kept.
    set(
      `'synchronous_commit'`,
      `case when ${is('synchronous_commit', '=', 'off')} then 'on' else ${current('synchronous_commit')} end`,
    ),
    // In the sessions of a replica, no trigger would check references. Only a superuser may set it.
    set(`'session_replication_role'`, `'origin'`, ` where ${is('session_replication_role', '=', 'replica')}`),
    set(
      'v.name',
      'v.value',
      ` from (values ${pairs.join(', ')}) as v (name, value) where pg_catalog.current_setting(v.name, true) is not null`,
    ),
  ].join('; ');
}

/**
 * Restores the time zone and the order of dates of server, database and role, so that other code stores the times which it
 * would store without Sluice. Times are still written as ISO 8601, because the driver reads no other form. IntervalStyle stays,
 * because it decides how intervals are read and written, and the driver reads only those of `postgres`.
 */
export const foreignTimes = `set local TimeZone to default; set local DateStyle to default; set local DateStyle to 'ISO'`;

/**
 * Restores these and the planner settings for the rest of the transaction, for statements of other code, such as
 * projections. Each of them ends after 5 s.
 */
export const foreignSettings: string = [
  ...Object.keys(planSettings).map((name) => `set local ${name} to default`),
  `set local statement_timeout to '5s'`,
  foreignTimes,
].join('; ');

/** Undoes {@link foreignSettings} for later statements of Sluice. */
export function ownSettings({ settings = {} }: SessionSettings): string {
  const own: Readonly<Record<string, string>> = { ...base, ...settings };
  return [...Object.keys(planSettings), 'statement_timeout', 'TimeZone', 'DateStyle']
    .map((name) => `set local ${name} to ${pg.escapeLiteral(own[name] ?? '')}`)
    .join('; ');
}

/** Begins a transaction with the settings, in one message, so that none runs without them. */
export function beginText(settings: SessionSettings): string {
  return `${bareBegin}; ${settingsText(settings, true)}`;
}

/** The isolation level is always given, because the default may be another. */
export const bareBegin = 'begin isolation level read committed';

/** Makes the settings of a session. @throws {SluiceError} `configuration_invalid` if no trigger would fire */
export async function applySettings(client: pg.ClientBase, settings: SessionSettings): Promise<void> {
  await send(client, settingsText(settings));
}

/** Begins a transaction with the settings. @throws {SluiceError} like {@link applySettings} */
export async function beginWithSettings(client: pg.ClientBase, settings: SessionSettings): Promise<void> {
  await send(client, beginText(settings));
}

async function send(client: pg.ClientBase, text: string): Promise<void> {
  try {
    await client.query(text);
  } catch (error) {
    throw explainSettings(error);
  }
}

/** The settings need only one right that a role may lack: to `session_replication_role`. */
export function explainSettings(error: unknown): unknown {
  if ((error as { code?: unknown } | null)?.code !== '42501') return error;
  return new SluiceError(
    'configuration_invalid',
    'Cannot use the database because session_replication_role is "replica" for this role or database, which switches ' +
      'triggers off: alter role … reset session_replication_role, alter database … reset session_replication_role',
  );
}
