/** Checks the server's version and settings, and how full it is. */
import type { Database, Row } from '#store';
import { ill, well, type Finding } from './finding.ts';

/** For each major version, the first minor release without known faults of LISTEN. */
const firstGoodMinor: Readonly<Record<number, number>> = { 15: 16, 16: 12, 17: 8, 18: 2 };
const oldestMajor = 15;
/** The first version that ends a long transaction by itself, so a frozen writer does not keep its locks. */
const timeoutMajor = 17;

export async function checkServer(database: Database): Promise<Finding[]> {
  const [row = {}] = await database.run('readServer');
  const [citus = {}] = await database.run('readCitus');
  return [
    checkVersion(row['version'] as number, row['version_text'] as string),
    ...checkSettings(row),
    checkConnections(row['connections'] as number, row['connections_max'] as number),
    checkQueue(row['notification_queue'] as number),
    checkAge(row['transaction_age'] as number),
    // Not a fault, because the query would only show other programs.
    well(
      'log_lock_waits',
      row['has_log_lock_waits'] === true
        ? 'log_lock_waits is on: the server logs which session waits for a lock for longer than deadlock_timeout, and for which session'
        : 'log_lock_waits is off; on, the server logs which session waits for a lock for longer than deadlock_timeout, and for which session',
    ),
    row['sees_all_sessions'] === true
      ? well('visibility', 'This role sees the sessions of all others')
      : ill(
          'visibility',
          'warning',
          'This role sees only its own sessions: the checks miss old transactions of other roles',
          'grant pg_monitor to the role of operators',
        ),
    ...checkCitus(
      citus['version'] as string | null,
      citus['distributed'] as string[],
      citus['has_home'] === true,
    ),
  ];
}

/** Nothing where there is no Citus. */
function checkCitus(version: string | null, distributed: readonly string[], hasHome: boolean): Finding[] {
  if (hasHome)
    return [
      well(
        'backend',
        `The backend is citus${version === null ? '' : ` ${version}`}: it places the schema on one node, where this session is`,
      ),
    ];
  if (distributed.length > 0)
    return [
      ill(
        'citus',
        'fault',
        `Citus distributes tables of the deployment: ${distributed.join(', ')}. References may lead nowhere`,
        'Let `sluice migrate` place a new schema, and move the rows into it (docs/scaling.md)',
      ),
    ];
  return version === null ? [] : [well('citus', `Citus ${version} distributes no table of the deployment`)];
}

/** Settings without which the server may lose committed writes, or slow down. */
function checkSettings(row: Row): Finding[] {
  const state = (check: string, isWell: boolean, says: string, otherwise: string, advice: string): Finding =>
    isWell ? well(check, says) : ill(check, 'fault', otherwise, advice);
  return [
    state(
      'primary',
      row['is_standby'] !== true && row['is_read_only'] !== true,
      'The server takes writes',
      row['is_standby'] === true ? 'This is a standby' : 'Transactions are read-only here',
      'Name the primary in DATABASE_URL (target_session_attrs=read-write picks it), and check default_transaction_read_only',
    ),
    state(
      'encoding',
      row['encoding'] === 'UTF8',
      'The database is encoded in UTF8',
      `The database is encoded in ${String(row['encoding'])}, which cannot store every text of a document`,
      'Create a database with encoding UTF8',
    ),
    state(
      'fsync',
      row['has_fsync'] === true,
      'fsync is on',
      'fsync is off: a crash of the machine may destroy the database',
      'Set fsync = on',
    ),
    state(
      'full_page_writes',
      row['has_full_page_writes'] === true,
      'full_page_writes is on',
      'full_page_writes is off: a crash in the middle of a write may destroy pages',
      'Set full_page_writes = on',
    ),
    state(
      'synchronous_commit',
      row['synchronous_commit'] !== 'off',
      `synchronous_commit is ${String(row['synchronous_commit'])}`,
      'synchronous_commit is off: a crash of the server can lose commits of other programs; Sluice sets it on for itself',
      'Set synchronous_commit = on for the server, the database and the role; Sluice turns it off itself where that is safe',
    ),
    state(
      'autovacuum',
      row['has_autovacuum'] === true,
      'autovacuum is on',
      'autovacuum is off: dead rows fill the intake, and every batch becomes slower',
      'Set autovacuum = on and track_counts = on',
    ),
  ];
}

function checkVersion(version: number, text: string): Finding {
  const [major, minor] = [Math.floor(version / 10_000), version % 10_000];
  const says = `PostgreSQL ${text}`;
  if (major < oldestMajor)
    return ill(
      'postgresql',
      'fault',
      `${says} is too old`,
      `Upgrade to ${timeoutMajor} or later; at least ${oldestMajor} is needed`,
    );
  if (minor < (firstGoodMinor[major] ?? 0))
    return ill(
      'postgresql',
      'warning',
      `${says} has known faults; for example, LISTEN fails at random`,
      `Update to ${major}.${firstGoodMinor[major]} or later`,
    );
  if (major < timeoutMajor)
    return ill(
      'postgresql',
      'warning',
      `${says} has no transaction_timeout: the server ends the transaction of a frozen writer later`,
      `Upgrade to ${timeoutMajor} or later`,
    );
  return well('postgresql', says);
}

function checkConnections(used: number, most: number): Finding {
  const share = used / Math.max(1, most);
  const says = `${used} of ${most} connections are in use`;
  if (share <= 0.8) return well('connections', says);
  const advice =
    'Raise max_connections, give nodes and writers fewer connections, or use a pooler for the nodes';
  return ill('connections', share > 0.95 ? 'fault' : 'warning', says, advice);
}

function checkQueue(usage: number): Finding {
  const says = `The queue of notifications is ${Math.round(usage * 1000) / 10} % full`;
  if (usage <= 0.1) return well('notification_queue', says);
  return ill(
    'notification_queue',
    usage > 0.5 ? 'fault' : 'warning',
    `${says}: a session listens and reads nothing. Every NOTIFY fails when the queue is full`,
    'End the session that listens within an open transaction; the server log names it',
  );
}

const frozenAgeMax = 2_000_000_000;

function checkAge(age: number): Finding {
  const says = `The oldest transaction id is ${age} transactions old`;
  if (age < frozenAgeMax / 2) return well('transaction_ids', says);
  return ill(
    'transaction_ids',
    age > frozenAgeMax * 0.75 ? 'fault' : 'warning',
    `${says}: the server stops taking writes at ${frozenAgeMax}`,
    'End the transactions that hold VACUUM back, then VACUUM the database',
  );
}
