/** Finds what keeps VACUUM from removing rows: sessions, replication slots, prepared transactions; and the effects. */
import type { Database, Row } from '#store';
import { attempt, ill, well, type Finding } from './finding.ts';

export interface VacuumLimits {
  /** Transactions that are older, in seconds, are reported. */
  transactionSeconds: number;
}

const slotTransactionsMax = 1_000_000;
const slotBytesMax = 8 * 1024 ** 3;
const deadRowsMax = 50_000;
/** The finding is a fault from this multiple of the limit on. */
const faultFactor = 10;

export async function checkVacuum(database: Database, limits: VacuumLimits): Promise<Finding[]> {
  return [
    ...(await attempt('old_transactions', () => checkTransactions(database, limits))),
    ...(await attempt('replication_slots', () => checkSlots(database))),
    ...(await attempt('prepared_transactions', () => checkPrepared(database, limits))),
    ...(await attempt('dead_rows', () => checkBloat(database))),
  ];
}

async function checkTransactions(database: Database, { transactionSeconds }: VacuumLimits): Promise<Finding> {
  const rows = await database.run('findOldTransactions', [transactionSeconds]);
  const [oldest] = rows;
  if (oldest === undefined)
    return well('old_transactions', `No transaction is open for longer than ${transactionSeconds} s`);
  const named = rows.map(
    (row) =>
      `process ${row['pid'] as number} (${(row['application_name'] as string) || 'no name'}, ${(row['state'] as string) || '?'}) for ${secondsOf(row)} s`,
  );
  return ill(
    'old_transactions',
    secondsOf(oldest) > transactionSeconds * faultFactor ? 'fault' : 'warning',
    `Transactions keep VACUUM from removing rows: ${named.join(', ')}`,
    `Finish them, or: select pg_terminate_backend(${oldest['pid'] as number}); set idle_in_transaction_session_timeout for their role`,
  );
}

async function checkSlots(database: Database): Promise<Finding> {
  const rows = await database.run('findIdleSlots', [slotTransactionsMax]);
  if (rows.length === 0) return well('replication_slots', 'No replication slot is unused');
  const named = rows.map(
    (row) =>
      `${row['slot_name'] as string} (${row['is_active'] === true ? 'in use' : 'not in use'}, keeps ` +
      `${Math.round((row['bytes'] as number) / 1024 ** 2)} MB of the log)`,
  );
  const isFault = rows.some(
    (row) =>
      (row['bytes'] as number) > slotBytesMax ||
      row['wal_status'] === 'lost' ||
      row['wal_status'] === 'unreserved',
  );
  return ill(
    'replication_slots',
    isFault ? 'fault' : 'warning',
    `Replication slots keep the log, and rows from VACUUM: ${named.join(', ')}`,
    `Start the programs that read from them, or: select pg_drop_replication_slot('${rows[0]?.['slot_name'] as string}')`,
  );
}

async function checkPrepared(database: Database, { transactionSeconds }: VacuumLimits): Promise<Finding> {
  const rows = await database.run('findPreparedTransactions', [transactionSeconds]);
  if (rows.length === 0) return well('prepared_transactions', 'No prepared transaction is old');
  return ill(
    'prepared_transactions',
    'fault',
    `Prepared transactions keep their locks and VACUUM from removing rows: ${rows.map((row) => `${row['gid'] as string} for ${secondsOf(row)} s`).join(', ')}`,
    'Ask the program that coordinates them, then: commit prepared, or rollback prepared',
  );
}

async function checkBloat(database: Database): Promise<Finding> {
  const rows = await database.run('findBloat', [deadRowsMax]);
  if (rows.length === 0) return well('dead_rows', 'No table has more dead rows than live rows');
  return ill(
    'dead_rows',
    'warning',
    `Tables have more dead rows than live rows: ${rows.map((row) => `${row['name'] as string} (${row['dead'] as number} to ${row['live'] as number})`).join(', ')}`,
    'See the checks old_transactions, replication_slots and prepared_transactions, then VACUUM these tables',
  );
}

function secondsOf(row: Row): number {
  return Math.round(row['seconds'] as number);
}
