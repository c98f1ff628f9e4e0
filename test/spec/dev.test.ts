// `sluice dev`: one command starts everything, loads a district, and leaves nothing behind however it ends.

import { spawn } from 'node:child_process';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, onTestFinished, test } from 'vitest';
import { isWide } from '../support/breadth.ts';
import { eventually } from '../support/eventually.ts';
import { isAlive } from '../support/is-alive.ts';
import { sql } from '../support/sql.ts';
import { createDataDir, processesOf, startSluice, type JsonLine } from '../support/sluice.ts';

const timeoutMs = 300_000;
const small = ['--students', '10', '--port', '0'];

describe('sluice dev', () => {
  test(
    'sluice dev loads a district through two nodes, compares, and ends; a second start changes nothing',
    { timeout: timeoutMs },
    async () => {
      const dataDir = await createDataDir();
      const config = join(dataDir, '..', `${basename(dataDir)}.json`);
      onTestFinished(() => rm(config));
      await writeFile(
        config,
        JSON.stringify({ schema: 'school', lanes: 4, dev: { students: 10, lanes: 8 } }),
      );
      const settings = { SLUICE_CONFIG: config };
      const first = startSluice(['dev', '--once', '--data-dir', dataDir, '--port', '0'], settings);
      const started = await first.event('started');
      const found = await sql(
        started['databaseUrl'] as string,
        'select count(*)::int as lanes from school.lane',
      );
      expect(found).toEqual([{ lanes: 8 }]);
      const processes = await processesOf(started, dataDir);
      expect(processes).toHaveLength(5);

      const { code, last, stderr } = await first.ended;
      expect({ code, stderr }).toMatchObject({ code: 0 });
      expect(last).toMatchObject({ updated: 0, unchanged: 0, failed: 0, retries: 0, nodes: 2, writers: 2 });
      expect(last['documents']).toBeGreaterThan(50);
      expect(last['created']).toBe(last['documents']);
      expect(last['batches']).toBeGreaterThan(0);
      expect(last['direct']).toMatchObject({ documents: last['documents'], failed: 0 });
      expect(last['ratio']).toBeGreaterThan(0);
      expect(processes.filter(isAlive)).toEqual([]);

      const second = startSluice(['dev', '--data-dir', dataDir, '--port', '0'], settings);
      const again = await processesOf(await second.event('started'), dataDir);
      const loaded = await second.event('loaded');
      expect(loaded).toMatchObject({ created: 0, updated: 0, failed: 0, direct: null });
      expect(loaded['unchanged']).toBe(last['documents']);

      const third = await startSluice(['dev', '--once', '--data-dir', dataDir, ...small], settings).ended;
      expect(third).toMatchObject({ code: 2 });
      expect(third.stderr).toContain('the data folder is in use by process');

      second.kill('SIGINT');
      expect(await second.ended).toMatchObject({ code: 0 });
      expect(again.filter(isAlive)).toEqual([]);

      const model = join(dataDir, 'other-model.json');
      await writeFile(
        model,
        JSON.stringify({ project: 'O', resources: [{ name: 'T', endpoint: 'o/t', identity: ['$.id'] }] }),
      );
      const args = ['dev', '--once', '--data-dir', dataDir, '--model', model, '--port', '0'];
      const other = await startSluice(args, settings).ended;
      expect(other).toMatchObject({ code: 3, last: { error: { code: 'deployment_disagrees' } } });
      expect(other.stderr).toContain('this database was loaded with another model');
      expect(other.stderr).toContain('choose another --data-dir');
    },
  );

  test.runIf(isWide)(
    'sluice dev leaves no process behind when it is killed without a chance to stop',
    { timeout: timeoutMs },
    async () => {
      const dataDir = await createDataDir();
      const killed = startSluice(['dev', '--no-load', '--data-dir', dataDir, '--port', '0']);
      const processes = await processesOf(await killed.event('started'), dataDir);
      killed.kill('SIGKILL');
      await eventually(() => expect(processes.filter(isAlive)).toEqual([]), { timeoutMs: 20_000 });
    },
  );

  // That a process notices it is shown by packages/server/src/cli/process/parent-watch.test.ts.
  test.runIf(isWide)(
    'sluice dev leaves no process behind when the npm that runs it is told to end',
    { timeout: timeoutMs },
    async () => {
      const dataDir = await createDataDir();
      const args = ['start', '--silent', '--', '--no-load', '--json', '--data-dir', dataDir, '--port', '0'];
      const npm = spawn('npm', args, { stdio: ['ignore', 'pipe', 'ignore'] });
      onTestFinished(() => void npm.kill('SIGKILL'));
      const [line] = (await once(createInterface(npm.stdout), 'line')) as [string];
      const processes = await processesOf(JSON.parse(line) as JsonLine, dataDir);
      expect(processes.filter(isAlive)).toEqual(processes);
      npm.kill('SIGTERM');
      await eventually(() => expect(processes.filter(isAlive)).toEqual([]), { timeoutMs: 20_000 });
    },
  );

  test('sluice dev names a taken port before it starts anything', async () => {
    const other = createServer();
    await once(other.listen(0, '127.0.0.1'), 'listening');
    onTestFinished(() => void other.close());
    const { port } = other.address() as AddressInfo;
    const refused = await startSluice(['dev', '--data-dir', await createDataDir(), '--port', String(port)])
      .ended;
    expect(refused).toMatchObject({ code: 2, last: { error: { code: 'configuration_invalid' } } });
    expect(refused.stderr).toContain(`Cannot start: port ${port} is in use`);
  });
});
