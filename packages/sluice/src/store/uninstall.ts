/** Removes Sluice from a database: its schema and everything in it. Tables of other programs are not touched. */
import { SluiceError } from '#protocol';
import type pg from 'pg';
import { waitAloud } from './lock-wait.ts';
import { inPatientTransaction, type PatientOptions } from './patient-transaction.ts';
import { query } from './queries.ts';
import { defaultSchema, lockKeysOf, sessionNamesIn, sqlFor } from './schema.ts';

/** What an uninstall would lose, and what prevents it. */
export interface UninstallPreview {
  /** Writes in the intake, whose clients have no answer yet. */
  waiting: number;
  deadLetters: number;
  documents: number;
  outcomes: number;
  apiKeys: number;
  auditRows: number;
  /** Sessions of nodes and writers of this deployment. */
  processes: { pid: number; application: string; role: string }[];
  /** Why an uninstall without `force` refuses. */
  reasons: string[];
}

export interface UninstallOptions extends PatientOptions {
  /** Drops waiting writes, dead letters and documents, and ignores running processes. @default false */
  force?: boolean;
  /** Change nothing. @default false */
  dryRun?: boolean;
}

/**
 * Drops the schema of a deployment. Roles stay, because they belong to the server.
 * @returns the content before the uninstall
 * @throws {SluiceError} `configuration_invalid` if there is no such deployment, or if objects of other schemas depend
 *   on it; without `force` also if writes wait, dead letters or documents are stored, or processes run
 */
export function uninstall(options: UninstallOptions): Promise<UninstallPreview> {
  const { url, schema = defaultSchema, force = false, dryRun = false } = options;
  return inPatientTransaction(options, 'uninstall', async (client) => {
    await assertInstalled(client, schema);
    const preview = await readPreview(client, schema);
    if (dryRun) return preview;
    const { reasons } = preview;
    if (!force && reasons.length > 0) {
      const advice = preview.processes.length === 0 ? '' : '. Stop nodes and writers first';
      throw refusal(schema, `${reasons.join(', ')}${advice}. --force drops all of it`, { ...preview });
    }
    const drop = sqlFor(schema, 'drop schema sluice cascade');
    await waitAloud(client, url, 'uninstall', options, () => client.query(drop));
    return preview;
  });
}

async function assertInstalled(client: pg.Client, schema: string): Promise<void> {
  const { rows } = await client.query<{ name: string; is_ours: boolean }>(query('listSchemas').text, [
    schema,
  ]);
  if (!rows.some(({ name, is_ours: isOurs }) => name === schema && isOurs))
    throw refusal(schema, 'this database has no deployment of Sluice in that schema');
  const names: string[] = [];
  for (const list of ['listDependents', 'listCallers'] as const) {
    const dependents = await client.query<{ name: string }>(query(list, schema).text);
    names.push(...dependents.rows.map(({ name }) => name));
  }
  if (names.length === 0) return;
  throw refusal(schema, `objects of other schemas depend on it: ${names.slice(0, 10).join(', ')}`, {
    dependents: names,
  });
}

async function readPreview(client: pg.Client, schema: string): Promise<UninstallPreview> {
  const { rows } = await client.query<Record<string, string>>(query('readLoss', schema).text);
  const processes = await client.query<UninstallPreview['processes'][number]>(
    query('listProcesses', schema).text,
    [sessionNamesIn(schema), lockKeysOf(schema).session],
  );
  const count = (name: string): number => Number(rows[0]?.[name]);
  const preview = {
    waiting: count('waiting'),
    deadLetters: count('dead_letters'),
    documents: count('documents'),
    outcomes: count('outcomes'),
    apiKeys: count('api_keys'),
    auditRows: count('audit_rows'),
    processes: processes.rows,
  };
  return { ...preview, reasons: reasonsAgainst(preview) };
}

function reasonsAgainst({
  waiting,
  deadLetters,
  documents,
  processes,
}: Omit<UninstallPreview, 'reasons'>): string[] {
  const some = (count: number, one: string, many: string): string[] =>
    count === 0 ? [] : [`${count} ${count === 1 ? one : many}`];
  return [
    ...some(waiting, 'write waits in the intake', 'writes wait in the intake'),
    ...some(deadLetters, 'dead letter is kept', 'dead letters are kept'),
    ...some(documents, 'document is stored', 'documents are stored'),
    ...some(
      processes.length,
      'session of a node or writer is connected',
      'sessions of nodes and writers are connected',
    ),
  ];
}

function refusal(schema: string, reason: string, detail?: Record<string, unknown>): SluiceError {
  return new SluiceError(
    'configuration_invalid',
    `Cannot uninstall the schema "${schema}": ${reason}`,
    detail === undefined ? {} : { detail },
  );
}
