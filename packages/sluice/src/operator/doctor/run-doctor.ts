/** Checks a deployment's database, and reports problems with advice. */
import { DatabaseError, type Database } from '#store';
import { checkClocks, checkOwnClock } from './check-clocks.ts';
import { checkConnection } from './check-connection.ts';
import { checkRows, type DeepOptions } from './check-rows.ts';
import { checkDeployment, checkNode, type Expected } from './check-deployment.ts';
import { checkSchema } from './check-schema.ts';
import { checkServer } from './check-server.ts';
import { checkVacuum } from './check-vacuum.ts';
import { attempt, ill, type Finding, type Verdict } from './finding.ts';

export interface DoctorOptions extends Expected {
  /** URL that writers and listeners connect to. @default the database's URL */
  listenUrl?: string;
  /** Transactions that are older are reported. @default 60 */
  transactionSeconds?: number;
  /** Longest wait for a notification. @default 3000 */
  notificationMs?: number;
  /** Also checks every reference of every row, which reads all tables. */
  deep?: DeepOptions;
}

export interface Diagnosis {
  /** The worst verdict of all findings. */
  verdict: Verdict;
  findings: Finding[];
}

const order: readonly Verdict[] = ['ok', 'warning', 'fault'];

export async function runDoctor(database: Database, options: DoctorOptions = {}): Promise<Diagnosis> {
  try {
    return diagnosisOf(await examine(database, options));
  } catch (error) {
    if (!(error instanceof DatabaseError) || !lostStatementStates.has(error.sqlState ?? '')) throw error;
    return diagnosisOf([
      ill(
        'prepared_statements',
        'fault',
        'A pooler loses prepared statements: no process of Sluice works through it',
        'Configure the pooler to keep them (PgBouncer 1.21 or later: max_prepared_statements), or use a direct URL',
      ),
    ]);
  }
}

/** A statement's name is taken or unknown, because another client used the session. */
const lostStatementStates: ReadonlySet<string> = new Set(['42P05', '26000']);

async function examine(database: Database, options: DoctorOptions): Promise<Finding[]> {
  const { transactionSeconds = 60, notificationMs = 3000 } = options;
  const schema = await checkSchema(database);
  const findings = [
    checkNode(),
    ...(await attempt('postgresql', () => checkServer(database))),
    ...(await checkConnection(database, { ...options, notificationMs })),
    await checkOwnClock(database),
    ...(await checkVacuum(database, { transactionSeconds })),
    ...schema.findings,
  ];
  // No further checks are possible in a schema of another version.
  if (!schema.hasSchema) return findings;
  return [
    ...findings,
    ...(await attempt('clocks', () => checkClocks(database))),
    ...(await checkDeployment(database, options)),
    ...(options.deep === undefined ? [] : await checkRows(database, options.deep)),
  ];
}

function diagnosisOf(findings: Finding[]): Diagnosis {
  const worst = Math.max(...findings.map(({ verdict }) => order.indexOf(verdict)));
  return { verdict: order[worst] ?? 'ok', findings };
}
