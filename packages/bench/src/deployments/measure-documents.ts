/**
 * The workload `edfi`: real documents, each sent after the documents that it refers to are stored, by a number of
 * clients that wait for their answers. All are sent before, again and again during the warm-up, so that code is
 * compiled, schemas are read and statements are planned; the results of that are removed.
 */
import pg from 'pg';
import type { Deployment } from './deployment.ts';
import { measureLoad, type LoadFigures } from './measure-load.ts';
import type { OnLoad, Run } from './run.ts';

/** No practical limit. */
const durationMs = 1_800_000;

export async function measureDocuments(
  { options, code, server }: Run,
  deployment: Deployment,
  round: number,
  onLoad: OnLoad,
): Promise<void> {
  const { documents, prefill, poolMax, warmupSeconds, profileFolder, onProgress } = options;
  const send = async (clients: number, withStatements: boolean): Promise<LoadFigures> => {
    const beganAt = Date.now();
    const figures = await measureLoad({
      deployment,
      task: {
        role: 'load',
        url: deployment.url,
        contender: 'direct',
        workload: {
          name: 'edfi',
          prefill,
          share: { index: 0, of: 1 },
          seed: options.seed + round,
          district: documents,
        },
        clients,
        lanes: 1,
        batchWritesMax: 1,
        poolMax,
        perSecond: 0,
        nodeUrls: deployment.nodeUrls,
      },
      code,
      serverPid: server.pid,
      warmupMs: 0,
      durationMs,
      withStatements,
    });
    await removeSince(deployment.url, beganAt);
    return figures;
  };
  const [first] = options.clients;
  const warmUntil = performance.now() + warmupSeconds * 1000;
  const isWarm = (): boolean => first === undefined || performance.now() >= warmUntil;
  while (!isWarm()) {
    onProgress('warming up with all documents');
    await send(first ?? 1, false);
  }
  for (const clients of new Set(options.clients)) {
    onProgress(`sending all documents with ${clients} under way`);
    const figures = await send(clients, profileFolder !== null && server.pid !== null);
    onLoad({ rate: null, percent: null, clients }, figures);
  }
}

/**
 * Removes the documents that were created since then, by their ids, with all answers. Earlier documents stay, so that
 * statements are planned on tables of the same size.
 */
async function removeSince(url: string, sinceMs: number): Promise<void> {
  const client = new pg.Client({ connectionString: url, application_name: 'sluice bench' });
  await client.connect();
  try {
    const floor = `${sinceMs.toString(16).padStart(12, '0')}70008000000000000000`;
    for (const table of ['reference', 'alias', 'document'])
      await client.query(`delete from sluice.${table} where document_id >= $1::uuid`, [floor]);
    await client.query('truncate sluice.outcome, sluice.idempotency_key');
    await client.query('vacuum sluice.reference, sluice.alias, sluice.document, sluice.intake');
    await client.query('checkpoint');
  } finally {
    await client.end();
  }
}
