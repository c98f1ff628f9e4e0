// Puts one fault of security at a time into a copy of the whole project and runs there the test that must notice it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { startEmbeddedPostgres } from '@sluice/embedded';
import { plant } from '../simulation/overlay.ts';
import { securityMutants } from './security-mutants.ts';

const root = resolve(import.meta.dirname, '../..');
const program = join(root, 'node_modules/vitest/vitest.mjs');
const timeoutMs = 600_000;
/** The project's own, without the database that it starts. */
const pureConfig = 'vitest.pure.config.ts';

interface Verdict {
  /** Titles of the tests that failed. */
  failed: string[];
  /** What kept a file's tests from being run at all. */
  broken: string;
}

/** True: all that were hunted are caught. */
export async function huntSecurity(wanted: string): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-security-'));
  // One server for all runs, each of which makes its own databases; those that a failed test has left go with it.
  const dataDir = await mkdtemp(join(tmpdir(), 'sluice-security-'));
  const server = await startEmbeddedPostgres({ dataDir, settings: { fsync: 'off' } });
  try {
    await fill(folder);
    return await hunt(folder, wanted, server.url);
  } finally {
    await server.stop();
    await Promise.all([folder, dataDir].map((path) => rm(path, { recursive: true })));
  }
}

async function hunt(folder: string, wanted: string, serverUrl: string): Promise<boolean> {
  const hunted = securityMutants.filter(({ name, test }) => name.includes(wanted) || test.includes(wanted));
  for (const pure of [true, false]) {
    const tests = [...new Set(hunted.map(({ test }) => test))].filter((test) => isPure(test) === pure);
    if (tests.length === 0) continue;
    const { failed, broken } = await runTests(folder, tests, serverUrl);
    if (failed.length === 0 && broken === '') continue;
    console.error('The tests fail without any mutant:', failed.join('\n'), broken);
    return false;
  }
  const rows: Record<string, string>[] = [];
  for (const { name, faults, test, isOfServer = false } of hunted) {
    const files = [...new Set(faults.map(({ file }) => file))];
    for (const fault of faults) await plant(folder, fault);
    const { failed, broken } = await runTests(folder, [test], isOfServer ? '' : serverUrl);
    await Promise.all(files.map((file) => cp(join(root, file), join(folder, file))));
    // A copy that does not even start shows nothing.
    if (broken !== '') throw new Error(`The mutant '${name}' cannot be tried: ${broken}`);
    const row = {
      mutant: name,
      caught: failed.length === 0 ? 'SURVIVES' : basename(test),
      by: (failed[0] ?? '').slice(0, 70),
    };
    rows.push(row);
    console.error(JSON.stringify(row));
  }
  console.table(rows);
  const caught = rows.filter((row) => row['caught'] !== 'SURVIVES').length;
  console.log(`${caught} of ${rows.length} mutants of security are caught`);
  return caught === rows.length;
}

/** A copy whose packages import one another, and not those that it was made of. */
async function fill(folder: string): Promise<void> {
  const isCopied = (path: string): boolean => !/\/(?:node_modules|dist|\.git|\.sluice)(?:\/|$)/.test(path);
  for (const name of await readdir(root)) {
    const path = join(root, name);
    if (isCopied(path)) await cp(path, join(folder, name), { recursive: true, filter: isCopied });
  }
  await writeFile(
    join(folder, pureConfig),
    `import config from './vitest.config.ts';
export default { ...config, test: { ...config.test, globalSetup: [] } };
`,
  );
  const modules = join(folder, 'node_modules');
  await mkdir(join(modules, '@sluice'), { recursive: true });
  for (const name of await readdir(join(root, 'node_modules'))) {
    // What tools keep there is theirs, and of each copy.
    if (name === '@sluice' || name === '.cache' || name.startsWith('.vite')) continue;
    await symlink(join(root, 'node_modules', name), join(modules, name));
  }
  for (const name of await readdir(join(root, 'packages'))) {
    await symlink(join(folder, 'packages', name), join(modules, '@sluice', name));
    const own = join(root, 'packages', name, 'node_modules');
    const has = (await readdir(join(root, 'packages', name))).includes('node_modules');
    if (has) await symlink(own, join(folder, 'packages', name, 'node_modules'));
  }
}

/** Needs no database. */
function isPure(test: string): boolean {
  return test.startsWith('packages/') && !readFileSync(join(root, test), 'utf8').includes('useDatabase');
}

interface Report {
  testResults: {
    name: string;
    status: string;
    message?: string;
    assertionResults: { status: string; fullName: string }[];
  }[];
}

/** @param serverUrl Empty: the run starts a server of its own. */
async function runTests(folder: string, files: readonly string[], serverUrl: string): Promise<Verdict> {
  const reportFile = join(folder, 'report.json');
  await rm(reportFile, { force: true });
  const config = files.every(isPure) ? [`--config=${pureConfig}`] : [];
  const args = [
    program,
    'run',
    ...config,
    '--reporter=json',
    `--outputFile=${reportFile}`,
    '--bail=1',
    ...files,
  ];
  const child = spawn(process.execPath, args, {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: timeoutMs,
    env: { ...process.env, NODE_OPTIONS: '', DATABASE_URL: serverUrl },
  });
  const stderr = child.stderr.setEncoding('utf8').toArray();
  await once(child, 'close');
  const text = await readFile(reportFile, 'utf8').catch(() => null);
  const said = (await stderr).join('').slice(-2_000);
  if (text === null) return { failed: [], broken: said };
  const { testResults } = JSON.parse(text) as Report;
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  const unread = testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
  );
  return {
    failed: tests.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName),
    broken:
      tests.every(({ status }) => status !== 'passed' && status !== 'failed') && unread.length === 0
        ? `no test was run: ${said}`
        : unread.map(({ name, message }) => `${name}: ${message}`).join('\n'),
  };
}
