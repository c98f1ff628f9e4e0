// What documents contain stays in the tables: it is sent in every way that can end, and looked for in everything that
// leaves a node, a writer or the server beside the documents themselves.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { startSluice } from '../support/sluice.ts';
import { openConnection, sql } from '../support/sql.ts';

const database = useDatabase();
const model = fileURLToPath(new URL('../../packages/dev/src/sample/sample-model.json', import.meta.url));
/** In every value that is sent, and nowhere else. */
const canary = 'Canary7q';

test(
  'what documents contain appears in no log, metric, notification or answer to a write',
  { timeout: 90_000 },
  async () => {
    const settings = { SLUICE_MODEL: model, SLUICE_LOG_LEVEL: 'trace' };
    const node = startSluice(['api', '--port=0', '--leader-grace-ms=60000'], {
      ...settings,
      DATABASE_URL: database.apiUrl,
    });
    const url = String((await node.event('ready'))['url']);
    const said: string[] = [];
    const send = async (
      method: string,
      path: string,
      body: unknown,
      headers: Record<string, string> = {},
    ) => {
      const response = await fetch(url + path, {
        method,
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      });
      const text = await response.text();
      said.push(`${JSON.stringify([...response.headers])} ${text}`);
      return { status: response.status, text, location: response.headers.get('location') ?? '' };
    };
    const students = '/data/sample/students';
    const student = (name: string) => ({
      studentUniqueId: `${canary}-${name}`,
      firstName: `${canary} first`,
      lastSurname: `${canary} last`,
      birthDate: '2010-01-01',
    });

    // Before there is a writer: which channel the node hears, and a write that is cancelled at the end of its wait.
    expect((await send('POST', students, student('waits'), { prefer: 'respond-async' })).status).toBe(202);
    expect((await send('POST', students, student('cancelled'), { prefer: 'wait=1' })).status).toBe(503);
    const [{ node: number } = {}] = await sql(database.url, 'select node from sluice.intake limit 1');
    const ears = await openConnection(database.url);
    const heard: string[] = [];
    ears.on('notification', ({ payload = '' }) => heard.push(payload));
    const wakeups = Array.from({ length: 16 }, (_, lane) => `sluice_wakeup_${lane}`);
    for (const channel of [...wakeups, 'sluice_provided', `sluice_node_${String(number)}`]) {
      await ears.query(`listen ${channel}`);
    }
    const writer = startSluice(['writer', '--metrics-port=0'], {
      ...settings,
      DATABASE_URL: database.writerUrl,
    });
    const metricsUrl = String((await writer.event('ready'))['metricsUrl']);

    const key = { 'idempotency-key': 'one' };
    // Until the node has seen that the lanes are led.
    const made = await eventually(async () => {
      const answer = await send('POST', students, student('a'), key);
      expect(answer).toMatchObject({ status: 201 });
      return answer;
    });
    expect((await send('POST', students, student('a'), key)).status).toBe(201);
    expect((await send('POST', students, student('b'), key)).status).toBe(422);
    expect((await send('POST', students, student('b'))).status).toBe(201);
    expect((await send('PUT', made.location, student('b'))).status).toBe(400);
    expect((await send('PUT', made.location, student('a'), { 'if-match': '"another"' })).status).toBe(412);
    expect((await send('POST', students, { ...student('c'), birthDate: canary })).status).toBe(400);
    expect((await send('POST', students, { ...student('c'), firstName: [canary] })).status).toBe(400);
    const enrollment = {
      entryDate: '2026-01-01',
      schoolReference: { schoolId: 1 },
      studentReference: { studentUniqueId: `${canary}-nobody` },
    };
    const missing = await send('POST', '/data/sample/enrollments', enrollment);
    expect([400, 409]).toContain(missing.status);
    for (const poison of [
      `{"studentUniqueId":"${canary}","firstName":"${canary}\\u0000"}`,
      `{"studentUniqueId":"${canary}","firstName":"${canary}\\ud800"}`,
      `{"studentUniqueId":"${canary}","studentUniqueId":"${canary}"}`,
      `{"studentUniqueId":"${canary}","age":1e999}`,
      `{"studentUniqueId":"${canary}"`,
      `{"studentUniqueId":"${canary}",${canary}}`,
    ]) {
      expect((await send('POST', students, poison)).status).toBe(400);
    }
    // A fault of the database that quotes the row: the write becomes a dead letter, or tried until its wait is over.
    await sql(
      database.url,
      `alter table sluice.document add constraint no_trouble check (body ->> 'studentUniqueId' not like '%-trouble')`,
    );
    expect(
      (await send('POST', students, student('trouble'), { prefer: 'wait=5' })).status,
    ).toBeGreaterThanOrEqual(500);
    await eventually(() => expect(heard.some((payload) => payload !== '')).toBe(true));

    const told = [
      await (await fetch(`${url}/metrics`)).text(),
      await (await fetch(`${metricsUrl}/metrics`)).text(),
    ];
    node.kill('SIGTERM');
    writer.kill('SIGTERM');
    const logs = [(await node.ended).stderr, (await writer.ended).stderr];
    expect(logs[0]!.length + logs[1]!.length).toBeGreaterThan(1_000);
    for (const text of [...said, ...heard, ...told, ...logs, await serverLog()])
      expect(text).not.toContain(canary);
  },
);

/** Of the embedded server; another keeps its own where only its operators look. */
async function serverLog(): Promise<string> {
  const [{ folder } = {}] = await sql(database.url, `select current_setting('data_directory') as folder`);
  return readFile(join(String(folder), '../postgres.log'), 'utf8').catch(() => '');
}
