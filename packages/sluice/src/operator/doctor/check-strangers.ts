/** Checks that no other program holds Sluice's advisory locks: of lanes, sessions and migrations. */
import { holderOf, holderText, lockKeysOf, defaultSchema, type Database, type Row } from '#store';
import { ill, well, type Finding } from './finding.ts';

export async function checkStrangers(database: Database): Promise<Finding> {
  const keys = lockKeysOf(database.options.schema ?? defaultSchema);
  const { migration, lane, session } = keys;
  const rows = await database.run('findLockStrangers', [migration, lane, session]);
  const [first] = rows;
  if (first === undefined) return well('strangers', 'No other program holds a lock of Sluice');
  const pids = rows.flatMap(({ pid }) => (pid === null ? [] : [pid as number]));
  return ill(
    'strangers',
    rows.some(({ key }) => key === lane) ? 'fault' : 'warning',
    rows.map((row) => `${lockOf(row, keys)} is held by ${holderText(holderOf(row))}`).join('; '),
    pids.length === 0
      ? 'Commit or roll back the prepared transaction: select gid from pg_prepared_xacts'
      : `Make the program release the lock, or end its session: select pg_terminate_backend(${pids[0]})`,
  );
}

function lockOf({ key, second_key: second }: Row, keys: ReturnType<typeof lockKeysOf>): string {
  if (key === keys.lane) return `The lock of lane ${String(second)}`;
  if (key === keys.session) return `The lock of a session that shares the lanes (${String(second)})`;
  return 'The lock of migrations';
}
