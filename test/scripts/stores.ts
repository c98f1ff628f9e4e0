// What many data stores cost: one server, so many databases, two nodes and two writers as processes. Prints the CPU and the
// connections while all stores sleep, the time of the first write to a sleeping store, and both again with some stores open.
//
//   npm run build && node --conditions=source --import tsx test/scripts/stores.ts
//
// --stores=200 --idle-seconds=30 --samples=20

import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startEmbeddedPostgres } from '@sluice/dev/embedded';
import { migrate } from 'sluice/internal/store';
import { databaseUrl, execute } from '../support/postgres.ts';
import { sluiceProgram } from '../support/sluice-program.ts';

const { values: options } = parseArgs({
  options: {
    stores: { type: 'string', default: '200' },
    'idle-seconds': { type: 'string', default: '30' },
    samples: { type: 'string', default: '20' },
  },
});
const count = Number(options.stores);
const idleSeconds = Number(options['idle-seconds']);
const samples = Number(options.samples);
/** Shorter than the default, so that the run is: stores sleep again between the samples. */
const storeIdleMs = 5000;

const folder = await mkdtemp(join(tmpdir(), 'sluice-many-'));
await chmod(folder, 0o755);
const server = await startEmbeddedPostgres({
  dataDir: join(folder, 'server'),
  settings: { fsync: 'off', max_connections: '600', shared_buffers: '128MB' },
});
const admin = databaseUrl(server.url, 'postgres');
const processes: ChildProcess[] = [];

/** CPU of these processes so far, in ms. */
function cpuMs(pids: readonly number[]): number {
  const ticks = pids.map((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      // Its own, and that of its children which have ended: connections that were closed.
      return [11, 12, 13, 14].reduce((sum, field) => sum + Number(fields[field]), 0);
    } catch {
      return 0;
    }
  });
  return ticks.reduce((sum, each) => sum + each, 0) * 10;
}

/** The postmaster and all processes of the server. */
function serverPids(): number[] {
  const postmaster = Number(
    readFileSync(join(folder, 'server/cluster/postmaster.pid'), 'utf8').split('\n')[0],
  );
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
        return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === postmaster;
      } catch {
        return false;
      }
    });
  return [postmaster, ...children];
}

async function start(args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [sluiceProgram, ...args, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  processes.push(child);
  for await (const line of createInterface(child.stdout)) {
    const { event, url } = JSON.parse(line) as { event?: string; url?: string };
    if (event === 'ready') return url ?? '';
  }
  throw new Error('Cannot measure: a process has ended');
}

async function connections(): Promise<number> {
  const [row] = await execute(
    admin,
    `select count(*)::int as n from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()`,
  );
  return row?.['n'] as number;
}

async function measure(what: string, seconds: number): Promise<void> {
  const ours = processes.map(({ pid }) => pid!);
  const postgres = serverPids();
  const before = [cpuMs(ours), cpuMs(postgres)];
  const at = performance.now();
  let most = 0;
  while (performance.now() - at < seconds * 1000) {
    most = Math.max(most, await connections());
    await pause(1000);
  }
  const took = (performance.now() - at) / 1000;
  const [own, theirs] = [cpuMs(ours) - before[0]!, cpuMs(postgres) - before[1]!];
  const percent = (ms: number): string => `${(ms / took / 10).toFixed(1)} %`;
  console.log(
    `${what}: processes ${percent(own)} of a core, PostgreSQL ${percent(theirs)}, at most ${most} connections`,
  );
}

const write = async (url: string, store: number, id: number): Promise<number> => {
  const began = performance.now();
  const response = await fetch(`${url}/s${store}/data/test/notes`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ noteId: id }),
  });
  if (response.status !== 201) throw new Error(`${response.status}: ${await response.text()}`);
  return performance.now() - began;
};

try {
  await execute(admin, 'create database s0');
  await migrate({ url: databaseUrl(server.url, 's0') });
  for (let store = 1; store < count; store++) await execute(admin, `create database s${store} template s0`);
  const entries = Array.from({ length: count }, (_, store) => [
    `s${store}`,
    { databaseUrl: databaseUrl(server.url, `s${store}`) },
  ]);
  const file = join(folder, 'stores.json');
  await writeFile(file, JSON.stringify({ stores: Object.fromEntries(entries) }));
  const model = join(folder, 'model.json');
  const note = { name: 'Note', endpoint: 'test/notes', identity: ['$.noteId'] };
  await writeFile(model, JSON.stringify({ project: 'Test', resources: [note] }));
  const common = [
    '--stores',
    file,
    '--model',
    model,
    '--store-idle-ms',
    String(storeIdleMs),
    '--log-level',
    'warn',
    '--config',
    'none',
  ];
  const urls = [
    await start(['api', '--port', '0', ...common]),
    await start(['api', '--port', '0', ...common]),
  ];
  for (let writer = 0; writer < 2; writer++) await start(['writer', ...common]);
  console.log(
    `${count} stores, 2 nodes, 2 writers; load before: ${execFileSync('uptime', { encoding: 'utf8' }).trim()}`,
  );
  // Both writers have looked into every store once.
  await pause(15_000);
  await measure('asleep', idleSeconds);

  const first: number[] = [];
  for (let sample = 0; sample < samples; sample++) {
    first.push(await write(urls[sample % 2]!, (sample * 7) % count, sample));
    await pause(300);
  }
  first.sort((one, other) => one - other);
  const at = (share: number): string =>
    `${Math.round(first[Math.min(first.length - 1, Math.floor(share * first.length))]!)} ms`;
  console.log(
    `first write to a sleeping store (${samples}): median ${at(0.5)}, 90 % ${at(0.9)}, at most ${at(1)}`,
  );
  await measure('a few open', 3);

  await pause(2 * storeIdleMs);
  await measure('asleep again', 10);
} finally {
  for (const child of processes) {
    child.kill('SIGTERM');
    if (child.exitCode === null) await once(child, 'exit');
  }
  await server.stop();
  await rm(folder, { recursive: true, force: true });
}
