/**
 * The code that is measured: the build, as users run it. If the build of a checkout is older than its sources, the
 * sources run, and the report says so.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';

export interface Code {
  kind: 'built' | 'source';
  /** URL of the module that every process of a measurement runs. */
  entry: string;
  execArgv: string[];
}

export type CodeChoice = Code['kind'] | 'auto';

const packagesFolder = fileURLToPath(new URL('../../', import.meta.url));

export function chooseCode(choice: CodeChoice): Code {
  const kind = choice === 'auto' ? (isBuildFresh() ? 'built' : 'source') : choice;
  return kind === 'built'
    ? { kind, entry: new URL('../dist/process/main.js', import.meta.url).href, execArgv: [] }
    : {
        kind,
        entry: new URL('../src/process/main.ts', import.meta.url).href,
        execArgv: ['--import', import.meta.resolve('tsx'), '--conditions=source'],
      };
}

/** Whether every package, and the SQL in it, was built after the last change of its sources. */
export function isBuildFresh(packages = packagesFolder): boolean {
  const copied = join(packages, 'sluice/sql');
  if (!existsSync(copied) || !isSame(join(packages, '../sql'), copied)) return false;
  return readdirSync(packages)
    .map((name) => join(packages, name))
    .filter((folder) => existsSync(join(folder, 'tsconfig.json')) && existsSync(join(folder, 'src')))
    .every((folder) => {
      const built = join(folder, 'dist/.tsbuildinfo');
      return existsSync(built) && statSync(built).mtimeMs >= newestSource(join(folder, 'src'));
    });
}

function isSame(sql: string, copied: string): boolean {
  const names = sqlIn(copied);
  return (
    isDeepStrictEqual(names, sqlIn(sql)) &&
    names.every((file) => readFileSync(join(sql, file)).equals(readFileSync(join(copied, file))))
  );
}

const sqlIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.sql'))
    .sort();

function newestSource(folder: string): number {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file) && !file.endsWith('.test.ts'))
    .reduce((newest, file) => Math.max(newest, statSync(join(folder, file)).mtimeMs), 0);
}
