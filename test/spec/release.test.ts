// What a release holds, put together from the build or unpacked from the tarball that SLUICE_RELEASE names, runs by itself:
// in a folder from which nothing of this checkout can be found.

import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isBuildFresh } from '../../packages/bench/src/code.ts';
import { useDatabase } from '../support/database.ts';
import { startSluice } from '../support/sluice.ts';

const database = useDatabase();
const run = promisify(execFile);
let folder: string;

beforeAll(async () => {
  folder = realpathSync(await mkdtemp(join(tmpdir(), 'sluice-release-')));
  const tarball = process.env['SLUICE_RELEASE'];
  if (tarball === undefined) {
    if (!isBuildFresh()) await run('npm', ['run', 'build']);
    await run(process.execPath, ['.ci/assemble.mjs', folder]);
  } else {
    await run('tar', ['-xzf', resolve(tarball), '-C', folder]);
  }
});

afterAll(() => rm(folder, { recursive: true }));

const start = (args: readonly string[], settings: Record<string, string> = {}) =>
  startSluice(args, settings, undefined, join(folder, 'packages/server/bin/sluice.js'));

describe('a release', () => {
  test('a release holds licence, documentation and deployment files, and of the code what was built', () => {
    expect(readdirSync(folder)).toEqual(expect.arrayContaining(['README.md', 'LICENSE', 'deploy']));
    expect(readdirSync(join(folder, 'deploy')).toSorted()).toEqual(readdirSync('deploy').toSorted());
    expect(realpathSync(join(folder, 'node_modules/.bin/sluice'))).toBe(
      join(folder, 'packages/server/bin/sluice.js'),
    );
    const files = readdirSync(join(folder, 'packages'), { recursive: true, encoding: 'utf8' }).filter(
      (file) => !file.includes('node_modules'),
    );
    expect(files).toContain('server/dist/cli/main.js');
    expect(files).toContain('sluice/sql/queries/intake.sql');
    expect(readdirSync(join(folder, 'packages')).toSorted()).toEqual(['edfi', 'server', 'sluice']);
    expect(files.filter((file) => /(^\w+\/src\b|\.test\.|\.map$|(?<!\.d)\.ts$)/.test(file))).toEqual([]);
    const scripts = files.filter((file) => file.endsWith('.js'));
    const readScript = (file: string): string => readFileSync(join(folder, 'packages', file), 'utf8');
    expect(scripts.filter((file) => readScript(file).includes('sourceMappingURL'))).toEqual([]);
  });

  test('a release holds no dependency that only development needs', () => {
    expect(existsSync(join(folder, 'node_modules/pg'))).toBe(true);
    expect(
      ['tsx', 'esbuild', 'vitest'].filter((name) => existsSync(join(folder, 'node_modules', name))),
    ).toEqual([]);
  });

  test(
    'a release migrates a database, takes a write, and reports that all is well',
    { timeout: 60_000 },
    async () => {
      const model = resolve('packages/dev/src/sample/sample-model.json');
      const migrated = await start(['migrate'], { DATABASE_URL: database.url }).ended;
      expect(migrated).toMatchObject({ code: 0, last: { applied: [] } });
      const writer = start(['writer', '--model', model], { DATABASE_URL: database.writerUrl });
      const node = start(['api', '--model', model, '--port', '0'], { DATABASE_URL: database.apiUrl });
      const [{ url }] = await Promise.all([node.event('ready'), writer.event('ready')]);
      const { status } = await fetch(`${url as string}/data/sample/gradeLevelDescriptors`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ namespace: 'uri://a.test/G', codeValue: 'First', shortDescription: 'First' }),
      });
      expect(status).toBe(201);
      expect((await fetch(`${url as string}/dashboard/`)).status).toBe(200);
      expect(await start(['status'], { DATABASE_URL: database.opsUrl }).ended).toMatchObject({ code: 0 });
      node.kill('SIGTERM');
      writer.kill('SIGTERM');
      expect((await node.ended).code).toBe(0);
      expect((await writer.ended).code).toBe(0);
    },
  );

  test('a release runs what was built, even where sources lie beside it and tsx is not installed', async () => {
    const sources = join(folder, 'packages/server/src/cli');
    await mkdir(sources, { recursive: true });
    await writeFile(join(sources, 'main.ts'), '');
    const program = join(folder, 'packages/server/bin/sluice.js');
    const { stdout } = await run(process.execPath, [program, '--version']);
    await rm(join(folder, 'packages/server/src'), { recursive: true });
    expect(stdout).toMatch(/^\d+\.\d+\.\d+/);
  });

  test('a release says that `sluice dev` is there in a checkout only', async () => {
    const { code, stderr } = await start([
      'dev',
      '--no-load',
      '--port',
      '0',
      '--data-dir',
      join(folder, 'dev'),
    ]).ended;
    expect(code).toBe(2);
    expect(stderr).toContain('Cannot run dev: it is not installed');
  });
});
