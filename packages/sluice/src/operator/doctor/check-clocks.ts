/**
 * Checks that the clocks of all processes agree with the database's. No process deletes, leases or refuses anything
 * by its own clock, but ids and logs have its times.
 */
import { clockIntervalMs, type Database } from '#store';
import { readClock } from '../read-clock.ts';
import { ill, well, type Finding } from './finding.ts';

const warningMs = 1000;
const faultMs = 60_000;
/** Most processes that are named. */
const namedMax = 5;

export async function checkOwnClock(database: Database): Promise<Finding> {
  const before = Date.now();
  const now = await readClock(database);
  const after = Date.now();
  const skewMs = Date.parse(now) - (before + after) / 2;
  // The duration of the query is not known to be skew.
  const certainMs = Math.max(0, Math.abs(skewMs) - (after - before) / 2);
  const says = `The clocks of this machine and of the server differ by ${Math.round(certainMs)} ms or more`;
  if (certainMs < warningMs) return well('clock', 'The clocks of this machine and of the server agree');
  return ill('clock', verdictOf(certainMs), says, 'Synchronize both by NTP');
}

/** Each node and writer records its own clock. A process that has not done so for two intervals has ended. */
export async function checkClocks(database: Database): Promise<Finding> {
  const rows = await database.run('readClocks', [(2.5 * clockIntervalMs) / 1000]);
  const clocks = rows.map((row) => ({
    name: `${String(row['kind'])} ${String(row['host'])}/${String(row['process_id'])}`,
    aheadMs: row['ahead_ms'] as number,
  }));
  const wrong = clocks.filter(({ aheadMs }) => Math.abs(aheadMs) >= warningMs);
  const [worst] = wrong;
  if (worst === undefined)
    return well('clocks', `The clocks of ${clocks.length} nodes and writers agree with the database's`);
  const names = wrong.slice(0, namedMax).map(({ name, aheadMs }) => `${name} is ${differenceText(aheadMs)}`);
  const more = wrong.length > namedMax ? `, and ${wrong.length - namedMax} more` : '';
  return ill(
    'clocks',
    verdictOf(Math.abs(worst.aheadMs)),
    `Clocks differ from the database's: ${names.join(', ')}${more}`,
    'Synchronize all machines by NTP',
  );
}

function verdictOf(differenceMs: number): 'warning' | 'fault' {
  return differenceMs > faultMs ? 'fault' : 'warning';
}

function differenceText(aheadMs: number): string {
  const seconds = Math.round(Math.abs(aheadMs) / 1000);
  return `${seconds} s ${aheadMs > 0 ? 'ahead' : 'behind'}`;
}
