// The commands of a deployment, each as the process that an operator runs.

import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { status } from 'sluice';
import { migrate, readMigrations, schemaVersion } from 'sluice/internal/store';
import { describe, expect, onTestFinished, test } from 'vitest';
import { isWide } from '../support/breadth.ts';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { databaseUrl, execute } from '../support/postgres.ts';
import { startProxy } from '../support/proxy.ts';
import { readHere } from '../support/run-here.ts';
import { sourceProgram } from '../support/sluice-program.ts';
import { createDataDir, readSluice, startSluice } from '../support/sluice.ts';

const database = useDatabase();
const model = fileURLToPath(new URL('../../packages/dev/src/sample/sample-model.json', import.meta.url));
const timeout = 60_000;

const run = (args: readonly string[], settings: Record<string, string> = { DATABASE_URL: database.opsUrl }) =>
  startSluice(args, settings).ended;

describe('sluice', () => {
  test('sluice names the setting that is missing or wrong, and its form', { timeout }, async () => {
    const [missing, wrong, late] = await Promise.all([
      run(['status'], {}),
      run(['writer', '--model', model], { DATABASE_URL: database.url, SLUICE_LANES: 'x' }),
      run(['api', '--model', model, '--max-batch-delay-ms', '20000']),
    ]);
    expect(late.stderr).toBe(
      "Cannot start: --max-batch-delay-ms is not a whole number from 0 to 10000: '20000'\n",
    );
    expect(missing).toMatchObject({ code: 2, last: { error: { code: 'configuration_invalid' } } });
    expect(missing.stderr).toContain('Cannot start: DATABASE_URL is missing');
    expect(wrong).toMatchObject({ code: 2 });
    expect(wrong.stderr).toBe("Cannot start: SLUICE_LANES is not a whole number from 1 to 1024: 'x'\n");
  });

  test('sluice shows no password, whatever goes wrong', { timeout }, async () => {
    const url = 'postgres://somebody:unlikely@127.0.0.1:1/none';
    const { code, last, stderr } = await run(['status'], { DATABASE_URL: url });
    expect(code).toBe(1);
    expect(last).toMatchObject({ error: { code: 'database_unavailable' } });
    expect(JSON.stringify(last) + stderr).not.toContain('unlikely');
  });
});

test('operator commands that are called wrongly end with the code of a wrong call', { timeout }, async () => {
  const calls = [
    [['show', 'x'], 'this is not a write id: x'],
    [['pause', '99'], 'this deployment has no lane of this number: 99'],
    [['resume', '99999'], 'this deployment has no lane of this number: 99999'],
    [['pause', '0-99999'], 'this deployment has no lane of this number: 99999'],
    [['pause', '100000'], 'this deployment has no lane of this number: 100000'],
    [['pause', '5-3'], 'Cannot use the lanes: this range ends before its start: 5-3'],
    [['pause', '3', 'all'], 'Cannot use the lanes: give all without other lanes'],
    [['pause', '3-'], 'this is neither a number, nor a range, nor all: 3-'],
    [
      ['config', 'keys create'],
      'Cannot show the settings: give only keys, which has the settings of all its commands',
    ],
    [['config', 'kees create'], 'Cannot show the settings: there is no command kees create'],
    [['drain', 'nobody'], 'no running writer has this name: nobody'],
  ] as const;
  for (const [args, sentence] of calls) {
    const { code, stderr } = await readHere(args, { DATABASE_URL: database.opsUrl });
    expect({ args, code, stderr }).toEqual({
      args,
      code: 2,
      stderr: expect.stringContaining(sentence) as string,
    });
  }
});

test(
  'sluice status --watch goes on after an outage of the database, until nobody reads it',
  { timeout },
  async () => {
    const proxy = await startProxy(database.opsUrl);
    const url = new URL(database.opsUrl);
    url.port = new URL(proxy.url).port;
    const watch = startSluice(['status', '--watch', '--watch-interval-ms', '100'], {
      DATABASE_URL: url.href,
    });
    await watch.line();
    proxy.refuse(true);
    proxy.cut();
    const { error } = await watch.line((line) => 'error' in line);
    expect(error).toMatchObject({ code: 'database_unavailable' });
    const since = new Date().toISOString();
    proxy.refuse(false);
    await watch.line(({ readAt }) => typeof readAt === 'string' && readAt > since);
    watch.closeOutput();
    const { code, stderr } = await watch.ended;
    expect(code).toBe(5);
    expect(stderr).toMatch(/^(Cannot reach PostgreSQL.*\n)+$/);
  },
);

test('a writer says in one sentence that its schema does not exist', { timeout }, async () => {
  const { code, stderr } = await run(['writer', '--model', model, '--schema', 'nope'], {
    DATABASE_URL: database.url,
  });
  expect(stderr).toBe(
    'Cannot start: the database has no Sluice schema of this version: run `sluice migrate`\n',
  );
  expect(code).toBe(4);
});

test('the command line runs from the sources, with the commands of a checkout', { timeout }, async () => {
  const { code, text } = await readSluice(['--help'], {}, undefined, sourceProgram);
  expect(code).toBe(0);
  expect(text).toMatch(/^ +status /m);
  expect(text).toMatch(/^ +bench /m);
  expect(text).not.toContain('only in a checkout');
});

test('a process names the option of a port that is in use, or of an address that it cannot use', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  onTestFinished(() => void other.close());
  const { port } = other.address() as AddressInfo;
  const inUse = (option: string): string =>
    `Cannot start: port ${port} is in use: choose another one with ${option}\n`;
  const calls: [args: string[], stderr: string][] = [
    [['api', '--model', model, '--port', String(port)], inUse('--port')],
    [['api', '--model', model, '--port', '0', '--metrics-port', String(port)], inUse('--metrics-port')],
    [['writer', '--model', model, '--metrics-port', String(port)], inUse('--metrics-port')],
    [['dashboard', '--port', String(port)], inUse('--port')],
    [
      ['writer', '--model', model, '--metrics-port', '0', '--metrics-host', '192.0.2.1'],
      'Cannot start: the address 192.0.2.1:0 cannot be used (EADDRNOTAVAIL): choose another one with --metrics-host or --metrics-port\n',
    ],
  ];
  for (const [args, stderr] of calls) {
    const ended = await readHere([...args, '--log-level', 'silent'], { DATABASE_URL: database.url });
    expect({ args, code: ended.code, stderr: ended.stderr }).toEqual({ args, code: 2, stderr });
  }
});

describe('sluice migrate', () => {
  test('sluice migrate says what would run, runs it, and has nothing left to do', { timeout }, async () => {
    const name = `${database.name}_empty`;
    await execute(database.url, `create database ${name}`);
    const settings = { DATABASE_URL: databaseUrl(database.url, name) };
    const early = await run(['status'], settings);
    expect(early).toMatchObject({ code: 4, last: { error: { code: 'schema_outdated' } } });
    const dry = await run(['migrate', '--dry-run'], settings);
    const { applied } = dry.last;
    expect(applied).toContain('0001_foundation');
    expect((await run(['migrate'], settings)).last).toMatchObject({ applied });
    expect((await run(['migrate'], settings)).last).toMatchObject({ applied: [] });
    await execute(database.url, `drop database ${name}`);
  });
});

test(
  'commands of operators refuse a schema of another version, and say what to do',
  { timeout },
  async () => {
    const name = `${database.name}_older`;
    await execute(database.url, `create database ${name}`);
    onTestFinished(async () => void (await execute(database.url, `drop database ${name} with (force)`)));
    const url = databaseUrl(database.url, name);
    const older = readMigrations().slice(0, 15);
    const listed = older.map((each) => `(${each.version}, '${each.name}', '${each.checksum}')`).join();
    await execute(
      url,
      `create schema sluice;
     create table sluice.migration (version integer primary key, name text not null, checksum text not null,
       applied_at timestamptz not null default clock_timestamp());
     insert into sluice.migration (version, name, checksum) values ${listed};
     ${older.map(({ text }) => text).join(';\n')}`,
    );
    const settings = { DATABASE_URL: url, SLUICE_KEY_CLIENT: 'a', SLUICE_KEY_SCOPES: 'read:*' };
    const id = '00000000-0000-7000-8000-000000000001';
    const commands =
      'lanes,status,writers,stuck,targets,projections,audit,keys list,keys create,keys revoke 000000000000,' +
      `show ${id},retry ${id} --yes,discard ${id} --yes,pause 0,resume 0,drain a,targets agree --none,` +
      `projections agree --model ${model}`;
    const refusing = async (sentence: string): Promise<void> => {
      for (const command of commands.split(',')) {
        const { code, stderr } = await readHere(command.split(' '), settings);
        expect({ command, code, stderr }).toEqual({
          command,
          code: 4,
          stderr: `Cannot use the database: its schema has version ${sentence}\n`,
        });
      }
      await expect(status({ connectionString: url })).rejects.toMatchObject({
        code: 'schema_outdated',
        message: expect.stringContaining(sentence) as string,
      });
    };
    await refusing(`15, and this program needs ${schemaVersion}: run \`sluice migrate\``);
    expect(await run(['roles'], settings)).toMatchObject({ code: 4 });
    expect(await run(['doctor'], settings)).toMatchObject({ code: 6 });
    await migrate({ url });
    await execute(
      url,
      `insert into sluice.migration (version, name, checksum) values (99, '0099_later', '')`,
    );
    await refusing(`99, newer than this program's ${schemaVersion}: update the program`);
    const found = await run(['doctor'], settings);
    expect(found.code).toBe(6);
    expect(JSON.stringify(found.last)).toContain('The schema has version 99');
  },
);

describe('sluice roles', () => {
  test.runIf(isWide)(
    'sluice roles makes roles that log in with the given passwords, and prints its statements',
    { timeout },
    async () => {
      const name = `${database.name}_roles`;
      const prefix = 'sluice_test_cli';
      await execute(database.url, `create database ${name}`);
      const url = databaseUrl(database.url, name);
      onTestFinished(async () => {
        await execute(database.url, `drop database ${name} with (force)`);
        for (const kind of ['api', 'writer', 'ops', 'migrate']) {
          await execute(database.url, `drop role ${prefix}_${kind}`);
        }
      });
      const settings = { DATABASE_URL: url, SLUICE_ROLE_PREFIX: prefix };
      // In a URL, most of these signs would have to be encoded.
      const passwords = {
        SLUICE_API_PASSWORD: `p#a@s:s/w?o%r&d=$'"\\ `,
        SLUICE_OPS_PASSWORD: `o#p@e:r/a?t%41o&r=$&$1`,
        SLUICE_MIGRATE_PASSWORD: 'another of migrate',
      };
      expect((await run(['roles'], { ...settings, ...passwords })).last).toEqual({
        roles: ['api', 'writer', 'ops', 'migrate'].map((kind) => `${prefix}_${kind}`),
        passwordsSet: ['api', 'ops', 'migrate'],
      });
      const { hostname, port } = new URL(url);
      const as = (kind: string, password: string) => ({
        PGHOST: hostname,
        PGPORT: port,
        PGDATABASE: name,
        PGUSER: `${prefix}_${kind}`,
        PGPASSWORD: password,
      });
      const owner = { SLUICE_ROLE_PREFIX: prefix, ...as('migrate', passwords.SLUICE_MIGRATE_PASSWORD) };
      expect((await run(['migrate', '--roles'], owner)).code).toBe(0);
      const api = as('api', passwords.SLUICE_API_PASSWORD);
      const forbidden = await run(['keys', 'create', '--client', 'a', '--scopes', 'read:*'], api);
      expect(forbidden).toMatchObject({ code: 2, last: { error: { code: 'configuration_invalid' } } });
      expect(forbidden.stderr).toContain('this role lacks a right');
      const { last } = await run(['roles', '--sql'], settings);
      expect(last['sql']).toContain(`set local sluice.role_prefix = '${prefix}';`);
      const taken = { object: `database ${name}`, privileges: ['CONNECT', 'TEMPORARY'] };
      const exclusive = (...flags: string[]) => run(['roles', '--exclusive-database', ...flags], settings);
      expect((await exclusive('--dry-run')).last).toMatchObject({
        dryRun: true,
        takesAway: expect.arrayContaining([taken]) as object[],
      });
      // Nobody can be asked.
      const unasked = await exclusive();
      expect(unasked).toMatchObject({ code: 2, last: { error: { code: 'configuration_invalid' } } });
      expect(unasked.stderr).toContain('--yes');
      expect((await exclusive('--yes')).last).toMatchObject({
        passwordsSet: [],
        takesAway: expect.arrayContaining([taken]) as object[],
      });
      const refused = await run(['roles'], { ...settings, SLUICE_API_PASSWORD: 'short' });
      expect(refused).toMatchObject({ code: 2, last: { error: { code: 'configuration_invalid' } } });
      expect(refused.stderr).toBe(
        'Cannot start: SLUICE_API_PASSWORD is not a password of 12 to 200 printable ASCII characters\n',
      );
      const node = startSluice(['api', '--model', model, '--port', '0', '--log-level', 'error'], {
        ...api,
        SLUICE_OPERATOR_URL: `postgres://${prefix}_ops@${hostname}:${port}/${name}`,
        SLUICE_OPERATOR_PASSWORD: passwords.SLUICE_OPS_PASSWORD,
      });
      const { url: nodeUrl } = await node.event('ready');
      const paused = await fetch(`${String(nodeUrl)}/dashboard/pause`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"lanes":[0]}',
      });
      expect(paused.status).toBe(200);
      node.kill('SIGTERM');
      expect((await node.ended).code).toBe(0);
    },
  );
});

describe('sluice api, writer, load and status', () => {
  test('a stopping node ends the wait for a write that no writer settles', { timeout }, async () => {
    const settings = { DATABASE_URL: database.apiUrl, SLUICE_MODEL: model, SLUICE_LOG_LEVEL: 'error' };
    const node = startSluice(
      ['api', '--port', '0', '--drain-ms', '100', '--leader-grace-ms', '60000'],
      settings,
    );
    const { url } = await node.event('ready');
    const answer = fetch(`${String(url)}/data/sample/gradeLevelDescriptors`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ namespace: 'uri://sample.org/X', codeValue: 'X', shortDescription: 'X' }),
    });
    await eventually(async () =>
      expect(await execute(database.url, 'select count(*)::int as n from sluice.intake')).toEqual([{ n: 1 }]),
    );
    node.kill('SIGTERM');
    const { status, json } = await answer.then(async (each) => ({
      status: each.status,
      json: await each.json(),
    }));
    expect({ status, json }).toMatchObject({ status: 503, json: { code: 'cancelled' } });
    expect(await node.ended).toMatchObject({ code: 0 });
    expect(await execute(database.url, 'select count(*)::int as n from sluice.intake')).toEqual([{ n: 0 }]);
  });

  test(
    'sluice api, writer, load and status work together, and stop in order when told to',
    { timeout },
    async () => {
      const folder = await createDataDir();
      const file = join(folder, 'a.ndjson');
      const descriptor = (codeValue: string) => ({
        endpoint: '/sample/gradeLevelDescriptors',
        document: {
          namespace: 'uri://sample.org/GradeLevelDescriptor',
          codeValue,
          shortDescription: codeValue,
        },
      });
      await writeFile(file, ['One', 'Two'].map((code) => JSON.stringify(descriptor(code))).join('\n'));

      const settings = { DATABASE_URL: database.apiUrl, SLUICE_MODEL: model, SLUICE_LOG_LEVEL: 'warn' };
      const node = startSluice(['api', '--port', '0'], settings);
      const writer = startSluice(['writer'], { ...settings, DATABASE_URL: database.writerUrl });
      const [{ url }] = await Promise.all([node.event('ready'), writer.event('ready')]);

      const loaded = await run(['load', file, '--nodes', String(url), '--model', model]);
      expect(loaded).toMatchObject({ code: 0, last: { documents: 2, created: 2, failed: 0, retries: 0 } });
      const led = await run(['status']);
      expect(led.last).toMatchObject({ documents: 2, backlog: 0, deadLetters: 0, lanesWithoutLeader: 0 });

      await writeFile(file, JSON.stringify({ endpoint: '/sample/gradeLevelDescriptors', document: {} }));
      const refused = await run(['load', file, '--nodes', String(url), '--model', model]);
      expect(refused).toMatchObject({ code: 1, last: { failed: 1, retries: 0 } });
      expect(refused.last['failures']).toMatchObject([{ line: 'a.ndjson:1', status: 400 }]);

      node.kill('SIGTERM');
      writer.kill('SIGTERM');
      expect(await node.ended).toMatchObject({ code: 0 });
      expect(await writer.ended).toMatchObject({ code: 0 });
      await eventually(async () => {
        const { last } = await run(['status']);
        expect(last).toMatchObject({ documents: 2, lanesWithoutLeader: 16 });
      });
    },
  );
});
