// Logs are for operators, and are kept where anybody may read them: nothing that a client sends is in them, at any level.

import { loggedFields } from '@sluice/server/cli';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { firstOrAll } from '../support/breadth.ts';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { startSluice, type RunningSluice } from '../support/sluice.ts';
import { sql } from '../support/sql.ts';

const database = useDatabase();
const canary = 'Canary4711';
const modelFile = fileURLToPath(new URL('../../packages/dev/src/sample/sample-model.json', import.meta.url));
const descriptors = '/data/sample/gradeLevelDescriptors';

function start(args: readonly string[], level: string): RunningSluice {
  const settlesNothing = args[0] === 'api' && !args.includes('direct');
  const url = settlesNothing ? database.apiUrl : database.writerUrl;
  return startSluice(args, { DATABASE_URL: url, SLUICE_MODEL: modelFile, SLUICE_LOG_LEVEL: level });
}

async function linesOf(process: RunningSluice): Promise<Record<string, unknown>[]> {
  process.kill('SIGTERM');
  const { code, stderr } = await process.ended;
  expect(code).toBe(0);
  expect(stderr).not.toContain(canary);
  return stderr
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** What a client may send, with the canary everywhere: taken, refused, broken, and failing in the database. */
async function sendEverything(url: string): Promise<number[]> {
  const document = (more: object): string =>
    JSON.stringify({
      namespace: `uri://sample.org/${canary}`,
      codeValue: canary,
      shortDescription: canary,
      ...more,
    });
  const headers = {
    'content-type': 'application/json',
    authorization: `Bearer ${canary}`,
    'idempotency-key': canary,
    'user-agent': canary,
    cookie: canary,
    traceparent: canary,
  };
  const post = (
    path: string,
    body: string,
    type = headers['content-type'],
    key: string = crypto.randomUUID(),
  ) =>
    fetch(`${url}${path}`, {
      method: 'POST',
      headers: { ...headers, 'content-type': type, 'idempotency-key': `${canary}${key}` },
      body,
    });
  const line = (text: string): string => `{"endpoint":"/sample/gradeLevelDescriptors","document":${text}}`;
  const answers = [
    await post(descriptors, document({})),
    await post(descriptors, document({ shortDescription: `again ${canary}` })),
    await post(descriptors, `{"codeValue": ${canary}}`),
    await post(descriptors, document({ shortDescription: `\u0000${canary}` })),
    await post(descriptors, document({ [canary]: { [canary]: canary.repeat(3) } })),
    await post(`/data/${canary}/${canary}`, document({})),
    await post(`${descriptors}?${canary}=${canary}`, document({})),
    await post(descriptors, document({}), `text/${canary}`),
    await post('/data/sample/students', document({ studentUniqueId: canary })),
    await post('/bulk', [line(document({})), line(canary), canary].join('\n'), 'application/x-ndjson'),
    await fetch(`${url}/${canary}?${canary}`, { headers }),
    await fetch(`${url}${descriptors}/${canary}`, { headers }),
    await fetch(`${url}/writes/${canary}`, { headers }),
  ];
  await Promise.all(answers.map((answer) => answer.text()));
  return answers.map(({ status }) => status);
}

test.each(firstOrAll(['coordinated', 'direct']))(
  'what clients send is in no line, at the most verbose level (%s)',
  { timeout: 90_000 },
  async (mode) => {
    const node = start(['api', '--port', '0', '--mode', mode], 'trace');
    const writer = start(['writer'], 'trace');
    const [{ url }] = await Promise.all([node.event('ready'), writer.event('ready')]);
    const statuses = await sendEverything(String(url));
    expect(statuses).toContain(400);
    expect(statuses.filter((status) => status < 300).length).toBeGreaterThanOrEqual(2);
    expect(statuses.filter((status) => status >= 500)).toEqual([]);

    // What fails in the database and in the program is told as well, of it only what it is.
    await sql(database.url, 'alter table sluice.document rename to elsewhere');
    const failing = fetch(`${String(url)}${descriptors}/${crypto.randomUUID()}`);
    expect((await failing).status).toBe(503);
    await sql(database.url, 'alter table sluice.elsewhere rename to document');
    await eventually(async () => {
      const answer = await fetch(`${String(url)}${descriptors}?limit=1`);
      expect(answer.status).toBe(200);
    });

    const ofNode = await linesOf(node);
    const ofWriter = await linesOf(writer);
    const batches = [...ofNode, ...ofWriter].filter(({ msg }) => msg === 'batch');
    expect(batches.length).toBeGreaterThan(0);
    expect(batches[0]).toMatchObject({ process: mode === 'direct' ? 'api' : 'writer' });
    expect(ofNode.filter(({ msg }) => msg === 'request').length).toBeGreaterThan(statuses.length);
    expect(ofNode).toContainEqual(expect.objectContaining({ msg: 'failed', sqlState: '42P01' }));

    const known = new Set([...loggedFields, 'level', 'time', 'pid', 'process', 'writerId', 'msg']);
    const unknown = [...ofNode, ...ofWriter]
      .flatMap((line) => Object.keys(line))
      .filter((name) => !known.has(name));
    expect(unknown).toEqual([]);
  },
);

test('a level that is not verbose logs no request and no batch', { timeout: 60_000 }, async () => {
  const node = start(['api', '--port', '0', '--mode', 'direct'], 'info');
  const { url } = await node.event('ready');
  await sendEverything(String(url));
  const lines = await linesOf(node);
  expect(lines.filter(({ msg }) => msg === 'batch' || msg === 'request')).toEqual([]);
});
