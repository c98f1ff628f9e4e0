// Puts one fault of security, or of targets, at a time into a copy of the whole project and runs there the test that must notice it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '@sluice/dev/embedded';
import type { Mutant } from './mutant.ts';
import { root } from './places.ts';
import { Report } from './report.ts';
import { securityMutants } from './security-mutants.ts';
import { targetMutants } from './target-mutants.ts';

const program = join(root, 'node_modules/vitest/vitest.mjs');
/** A machine under load takes many times as long as a quiet one. */
const timeoutMs = 900_000;
/** The project's own, without the database that it starts. */
const pureConfig = 'vitest.pure.config.ts';

interface Verdict {
  /** Titles of the tests that failed. */
  failed: string[];
  /** What kept a file's tests from being run at all. */
  broken: string;
}

export const huntSecurity = (wanted: string): Promise<Report> => huntGuarded(securityMutants, wanted);
export const huntTargets = (wanted: string): Promise<Report> => huntGuarded(targetMutants, wanted);

async function huntGuarded(all: Readonly<Record<string, Mutant[]>>, wanted: string): Promise<Report> {
  const report = new Report();
  const hunted = Object.entries(all)
    .map(([guard, mutants]) => ({ test: guardingTest(guard), mutants }))
    .map(({ test, mutants }) => ({
      test,
      mutants: mutants.filter(([name]) => name.includes(wanted) || test.includes(wanted)),
    }))
    .filter(({ mutants }) => mutants.length > 0);
  if (hunted.length === 0) return report;
  const folder = await mkdtemp(join(tmpdir(), 'sluice-security-'));
  // One server for all runs, each of which makes its own databases; those that a failed test has left go with it.
  const dataDir = await mkdtemp(join(tmpdir(), 'sluice-security-'));
  const server = await startEmbeddedPostgres({ dataDir, settings: { fsync: 'off' } });
  try {
    await fill(folder);
    for (const { test, mutants } of hunted) await huntBelow(test, mutants, { folder, server, report });
    return report;
  } finally {
    await server.stop();
    await Promise.all([folder, dataDir].map((path) => rm(path, { recursive: true })));
  }
}

interface Hunt {
  folder: string;
  server: { url: string };
  report: Report;
}

async function huntBelow(test: string, mutants: Mutant[], { folder, server, report }: Hunt): Promise<void> {
  const sound = await runTests(folder, test, server.url);
  const trouble = sound.broken + sound.failed.join(', ');
  for (const mutant of mutants) {
    const [name, ...faults] = mutant;
    if (trouble !== '') {
      report.addUntried(name, `${test} fails without it: ${trouble}`);
      continue;
    }
    for (const fault of faults) await fault.plant(folder);
    const { failed, broken } = await runTests(folder, test, isOfServer(mutant) ? '' : server.url);
    await Promise.all(faults.map(({ file }) => cp(join(root, file), join(folder, file))));
    // A copy that does not even start shows nothing.
    if (broken === '') report.add(name, failed[0] ?? null);
    else report.addUntried(name, broken);
  }
}

/** The one test file whose path ends like this. */
export function guardingTest(name: string): string {
  testFiles ??= ['packages', 'test'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.test.ts') && !path.includes('node_modules'))
      .map((path) => join(folder, path)),
  );
  const found = testFiles.filter((path) => path.endsWith(`/${name}`));
  if (found.length !== 1) throw new Error(`Cannot find the one test ${name}: ${found.join(', ')}`);
  return found[0]!;
}

let testFiles: string[] | undefined;

/** It is about how a server is started, so the run starts one of its own. */
function isOfServer([, ...faults]: Mutant): boolean {
  return faults.some(({ file }) => file.startsWith('packages/dev/src/embedded/'));
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
export default { ...config, test: { ...config.test, projects: undefined, include: ['packages/**/*.test.ts'] } };
`,
  );
  const modules = join(folder, 'node_modules');
  await mkdir(join(modules, '@sluice'), { recursive: true });
  for (const name of await readdir(join(root, 'node_modules'))) {
    // What tools keep there is theirs, and of each copy.
    if (name === 'sluice' || name === '@sluice' || name === '.cache' || name.startsWith('.vite')) continue;
    await symlink(join(root, 'node_modules', name), join(modules, name));
  }
  for (const name of await readdir(join(root, 'packages'))) {
    const { name: published } = JSON.parse(
      readFileSync(join(root, 'packages', name, 'package.json'), 'utf8'),
    ) as { name: string };
    await symlink(join(folder, 'packages', name), join(modules, published));
    const own = join(root, 'packages', name, 'node_modules');
    const has = (await readdir(join(root, 'packages', name))).includes('node_modules');
    if (has) await symlink(own, join(folder, 'packages', name, 'node_modules'));
  }
}

/** Needs no database. */
function isPure(test: string): boolean {
  return test.startsWith('packages/') && !readFileSync(join(root, test), 'utf8').includes('useDatabase');
}

interface RunReport {
  testResults: {
    name: string;
    status: string;
    message?: string;
    assertionResults: { status: string; fullName: string }[];
  }[];
}

/**
 * Tries a run that does not get as far as its tests once more, because a machine under load may keep vitest from starting.
 * @param serverUrl Empty: the run starts a server of its own.
 */
async function runTests(folder: string, test: string, serverUrl: string): Promise<Verdict> {
  const first = await runOnce(folder, test, serverUrl);
  return first.broken === '' ? first : runOnce(folder, test, serverUrl);
}

async function runOnce(folder: string, test: string, serverUrl: string): Promise<Verdict> {
  const reportFile = join(folder, 'report.json');
  await rm(reportFile, { force: true });
  const config = isPure(test) ? [`--config=${pureConfig}`] : [];
  const args = [
    program,
    'run',
    ...config,
    '--reporter=json',
    `--outputFile=${reportFile}`,
    '--bail=1',
    // A test that fails only because the machine is busy notices no fault.
    '--retry=1',
    test,
  ];
  const child = spawn(process.execPath, args, {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: timeoutMs,
    env: { ...process.env, NODE_OPTIONS: '', DATABASE_URL: serverUrl },
  });
  const stderr = child.stderr.setEncoding('utf8').toArray();
  const [, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  const text = await readFile(reportFile, 'utf8').catch(() => null);
  const said = `${signal ?? ''} ${(await stderr).join('').slice(-2_000)}`;
  if (text === null) return { failed: [], broken: said };
  const { testResults } = JSON.parse(text) as RunReport;
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
