// Ten thousand requests wait on two nodes, as many as they let wait, while no writer runs: what the nodes hold in memory
// then, how soon the next request is refused, and that every one that waited is answered once a writer comes.

import { Agent } from 'node:http';
import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { contentHash, describeDocument, readModel } from 'sluice/model';
import type { Result } from 'sluice/internal/protocol';
import pg from 'pg';
import { canary, checkDeployment, historyFileOf } from './check-deployment.ts';
import { Deployment, modelFile } from './deployment.ts';
import type { Member } from './member.ts';
import { Recorder } from './recorder.ts';
import { quantiles } from './recovery.ts';
import { sendRequest } from './send-request.ts';
import type { Counts } from './verdict.ts';

export interface WaitingReport extends Counts {
  scenario: 'waiting';
  /** Requests that waited at the same time, on all nodes. */
  waiting: number;
  /** Resident memory of each node, MiB. */
  rssMiB: Readonly<Record<'before' | 'waiting' | 'after', readonly number[]>>;
  /** Each request that came when no more may wait: its answer, and its time in milliseconds. */
  refusals: { status: number; code: string; ms: number }[];
  refusedP99Ms: number;
  refusedMaxMs: number;
  goalMs: number;
  meetsGoal: boolean;
  calmAfterMs: number | null;
  isSound: boolean;
  findings: string[];
  /** Where history, logs and database are, if the run was not sound. */
  kept: string | null;
}

const goalMs = 50;
const refusalsWanted = 20;
const waitSeconds = 300;
/** So that the nodes' queues of new connections are not what is measured. */
const connectsAtOnce = 100;

export async function runWaiting({
  waiting = 10_000,
  onProgress = () => undefined,
}: {
  /** @default 10,000 */
  waiting?: number;
  /** Told what happens. */
  onProgress?: (sentence: string) => void;
} = {}): Promise<WaitingReport> {
  const perNode = Math.ceil(waiting / 2);
  const deployment = await Deployment.start({
    nodes: ['coordinated', 'coordinated'],
    writers: 0,
    // Nobody leads, and what waits grows old: neither is the question here, nor what nodes settle themselves.
    nodeArgs: [
      ['--fast-path-writes-max', 0],
      ['--waiting-writes-max', perNode],
      ['--wait-ms', waitSeconds * 1000],
      ['--leader-grace-ms', waitSeconds * 1000],
      ['--high-water-ms', waitSeconds * 1000],
    ].flatMap((pair) => pair.map(String)),
    logLevel: 'info',
  });
  const abandon = (): void => deployment.abandon();
  process.once('exit', abandon);
  let isSound = false;
  const client = new pg.Client({ connectionString: deployment.url });
  try {
    await client.connect();
    const recorder = new Recorder(historyFileOf(deployment));
    const ask = await asker(recorder);
    const before = await memoryOf(deployment.nodes);

    const asked: Promise<unknown>[] = [];
    for (let index = 0; index < perNode; index++) {
      for (const node of deployment.nodes) asked.push(ask(node));
      // Evenly, as clients come.
      if (index % connectsAtOnce === 0) await pause(20);
    }
    while ((await countIntake(client)) < asked.length) await pause(50);
    onProgress(`${asked.length} requests wait`);
    const whileWaiting = await memoryOf(deployment.nodes);

    const refusals: WaitingReport['refusals'] = [];
    for (let index = 0; index < refusalsWanted; index++) {
      const since = performance.now();
      const { status, code } = await ask(deployment.nodes[index % 2] as Member);
      refusals.push({ status, code, ms: Number((performance.now() - since).toFixed(1)) });
    }

    await deployment.addWriter();
    await Promise.all(asked);
    await recorder.end();
    const after = await memoryOf(deployment.nodes);
    const { verdict, calmAfterMs } = await checkDeployment(deployment);
    const { counts, findings } = verdict;
    isSound = verdict.isSound && counts.ok === asked.length;
    const refused = quantiles(refusals.map(({ ms }) => ms));
    return {
      scenario: 'waiting',
      waiting: asked.length,
      rssMiB: { before, waiting: whileWaiting, after },
      refusals,
      refusedP99Ms: refused.p99Ms,
      refusedMaxMs: refused.maxMs,
      goalMs,
      meetsGoal: refusals.every(({ status, ms }) => status === 503 && ms < goalMs),
      ...counts,
      calmAfterMs,
      isSound,
      findings,
      kept: isSound ? null : deployment.folder,
    };
  } finally {
    await client.end().catch(() => undefined);
    await deployment.stop();
    process.off('exit', abandon);
    if (isSound) await deployment.remove();
  }
}

/** Asks for one new document each time, over a connection that stays open. */
async function asker(
  recorder: Recorder,
): Promise<(node: Member) => Promise<{ status: number; code: string }>> {
  const resource = (await readModel([modelFile])).findEndpoint('chaos/things');
  if (resource === undefined) throw new Error('Cannot ask: the model has no things');
  const agent = new Agent({ keepAlive: true });
  let documents = 0;
  return async (node) => {
    const nonce = documents++;
    const document = { thingId: `w${nonce}`, nonce, text: canary };
    const i = recorder.invoke({
      proc: nonce,
      op: 'upsert',
      doc: describeDocument(resource, document).referentialId,
      documentId: null,
      refs: [],
      hash: contentHash(document),
      ifMatch: null,
      key: null,
    });
    const { status, headers, body } = await sendRequest(`${node.url}/data/chaos/things`, {
      method: 'POST',
      agent,
      timeoutMs: waitSeconds * 1000,
      headers: { prefer: `wait=${waitSeconds}` },
      body: JSON.stringify(document),
    });
    const t = performance.now();
    if (status < 300) {
      const documentId = headers.location?.split('/').at(-1) ?? null;
      const result = (headers['sluice-result'] ?? 'created') as Result;
      recorder.hear({
        type: 'ok',
        i,
        t,
        result,
        documentId,
        hash: headers.etag?.replaceAll('"', '') ?? null,
      });
      return { status, code: '' };
    }
    const { code = String(status) } = JSON.parse(body) as { code?: string };
    recorder.hear({ type: 'fail', i, t, code, missing: [] });
    return { status, code };
  };
}

async function countIntake(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ count: string }>('select count(*) from sluice.intake');
  return Number(rows[0]?.count);
}

async function memoryOf(members: readonly Member[]): Promise<number[]> {
  return Promise.all(
    members.map(async ({ pid }) => {
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? Number.NaN) / 1024);
    }),
  );
}
