import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { startEmbeddedPostgres, type EmbeddedPostgres } from './embedded-postgres.ts';

const settings = { fsync: 'off', shared_buffers: '16MB' };

// Creating a cluster takes a second, so one is created and each test works on a copy.
let created: string;

beforeAll(async () => {
  created = await mkdtemp(join(tmpdir(), 'sluice-embedded-'));
  await (await startEmbeddedPostgres({ dataDir: created, settings })).stop();
});

afterAll(async () => {
  await rm(created, { recursive: true });
});

async function setup() {
  const dataDir = await mkdtemp(join(tmpdir(), 'sluice-embedded-'));
  execFileSync('cp', ['-a', `${created}/.`, dataDir]);
  const started: EmbeddedPostgres[] = [];
  onTestFinished(async () => {
    await Promise.all(started.map((server) => server.stop()));
    await rm(dataDir, { recursive: true });
  });
  const start = async (port?: number): Promise<EmbeddedPostgres> => {
    const options = { dataDir, settings };
    const server = await startEmbeddedPostgres(port === undefined ? options : { ...options, port });
    started.push(server);
    return server;
  };
  return { dataDir, start };
}

async function query(server: EmbeddedPostgres, sql: string): Promise<unknown[]> {
  const client = new pg.Client(server.url);
  await client.connect();
  try {
    return (await client.query({ text: sql, rowMode: 'array' })).rows.flat();
  } finally {
    await client.end();
  }
}

describe('an embedded PostgreSQL', () => {
  test('an embedded PostgreSQL keeps its data and URL over a restart', async () => {
    const { start } = await setup();
    const first = await start();
    await query(first, 'create table kept as select 42 as answer');
    await first.stop();
    const second = await start();
    expect(second.url).toBe(first.url);
    expect(await query(second, 'select answer from kept')).toEqual([42]);
  });

  test('an embedded PostgreSQL listens on 127.0.0.1 alone, in UTF-8 and the C locale, and asks for its password', async () => {
    const { start } = await setup();
    const server = await start();
    const shown = await query(
      server,
      `select current_setting('listen_addresses'), current_setting('unix_socket_directories'),
         current_setting('server_encoding'), datcollate, datlocale
       from pg_database where datname = current_database()`,
    );
    expect(shown).toEqual(['127.0.0.1', '', 'UTF8', 'C', 'C.UTF-8']);
    const url = server.url.replace(/:[^:@]+@/, ':wrong@');
    await expect(query({ ...server, url }, 'select')).rejects.toMatchObject({ code: '28P01' });
  });

  test('an embedded PostgreSQL keeps its password in a file that only its user can read', async () => {
    const { dataDir, start } = await setup();
    const server = await start();
    expect(server.url).toContain((await readFile(join(dataDir, 'password'), 'utf8')).trim());
    expect((await stat(join(dataDir, 'password'))).mode & 0o777).toBe(0o600);
  });

  test('an embedded PostgreSQL does not log the contents of documents', async () => {
    const { dataDir, start } = await setup();
    const server = await start();
    await query(server, 'create table person (name text primary key)');
    await query(server, `insert into person values ('Ada')`);
    await expect(query(server, `insert into person values ('Ada')`)).rejects.toMatchObject({ code: '23505' });
    await expect(query(server, `select 'Ada'::int`)).rejects.toMatchObject({ code: '22P02' });
    expect(await readFile(join(dataDir, 'postgres.log'), 'utf8')).not.toContain('Ada');
  });

  test('an embedded PostgreSQL refuses a folder in use, and names the process that uses it', async () => {
    const { dataDir, start } = await setup();
    const server = await start();
    await expect(start()).rejects.toThrow(
      `Cannot start PostgreSQL: the data folder is in use by process ${server.pid}: ${dataDir}`,
    );
  });

  test('an embedded PostgreSQL refuses a port that is taken', async () => {
    const { start } = await setup();
    const other = createServer();
    await once(other.listen(0, '127.0.0.1'), 'listening');
    onTestFinished(() => void other.close());
    const { port } = other.address() as AddressInfo;
    await expect(start(port)).rejects.toThrow(`Cannot start PostgreSQL: port ${port} is in use`);
  });

  test('an embedded PostgreSQL chooses another port when the remembered one is taken', async () => {
    const { start } = await setup();
    const first = await start();
    await first.stop();
    const other = createServer();
    await once(other.listen(first.port, '127.0.0.1'), 'listening');
    onTestFinished(() => void other.close());
    expect((await start()).port).not.toBe(first.port);
  });

  test('an embedded PostgreSQL stops once, however often stop is called', async () => {
    const { start } = await setup();
    const server = await start();
    await Promise.all([server.stop(), server.stop()]);
    await server.stop();
    expect(() => process.kill(server.pid, 0)).toThrow('ESRCH');
  });

  test('an embedded PostgreSQL starts again with its data after a crash', async () => {
    const { start } = await setup();
    const first = await start();
    await query(first, 'create table kept as select 42 as answer');
    first.kill('SIGKILL');
    await first.exited;
    expect(await query(await start(), 'select answer from kept')).toEqual([42]);
  });

  test('an embedded PostgreSQL starts after a crash even if another program now has its process id', async () => {
    const { dataDir, start } = await setup();
    const first = await start();
    first.kill('SIGKILL');
    await first.exited;
    const other = spawn('sleep', ['60'], { stdio: 'ignore' });
    onTestFinished(() => void other.kill());
    const lockFile = join(dataDir, 'cluster/postmaster.pid');
    const [, ...rest] = (await readFile(lockFile, 'utf8')).split('\n');
    await writeFile(lockFile, [other.pid, ...rest].join('\n'));
    expect(await query(await start(), 'select 1')).toEqual([1]);
  });

  test.each([
    ['exits without stopping it', `throw new Error('uncaught');`],
    ['is killed without a chance to stop it', `process.kill(process.pid, 'SIGKILL');`],
    ['is killed while the server starts', ''],
  ])('an embedded PostgreSQL is told to stop when its starter %s', async (_, end) => {
    const { dataDir } = await setup();
    const module = new URL('./embedded-postgres.ts', import.meta.url).href;
    // Without an end of its own, the starter is killed as soon as the server has written its lock file.
    const script = `
      import { watch } from 'node:fs';
      import { startEmbeddedPostgres } from ${JSON.stringify(module)};
      const dataDir = ${JSON.stringify(dataDir)};
      if (${JSON.stringify(end)} === '')
        watch(dataDir + '/cluster', (_, name) => name === 'postmaster.pid' && process.kill(process.pid, 'SIGKILL'));
      await startEmbeddedPostgres({ dataDir, settings: ${JSON.stringify(settings)} });
      ${end}`;
    const starter = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      stdio: 'ignore',
    });
    await once(starter, 'exit');
    // Once by the server that made the cluster, once by this one.
    const log = () => readFile(join(dataDir, 'postgres.log'), 'utf8');
    await expect.poll(log).toMatch(/(database system is shut down[^]*){2}/);
  });

  test.runIf(process.getuid?.() === 0)(
    'an embedded PostgreSQL names the folder that the server may not enter',
    async () => {
      const { dataDir } = await setup();
      const closed = join(dataDir, 'closed');
      await mkdir(closed, { mode: 0o700 });
      await chmod(dataDir, 0o755);
      await expect(startEmbeddedPostgres({ dataDir: join(closed, 'inner') })).rejects.toThrow(
        `Cannot start PostgreSQL: its user "postgres" may not enter the folder ${closed}`,
      );
    },
  );
});
