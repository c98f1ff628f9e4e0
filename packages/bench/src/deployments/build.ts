/** A build to measure: a checkout, and the way to start its command line. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { SluiceError } from 'sluice/internal/protocol';
import type { Code } from '../code.ts';
import { prefill } from '../prefill.ts';

export interface Build {
  /** Name in reports. */
  name: string;
  /** Arguments of Node, before those of `sluice`. */
  nodeArgs: readonly string[];
  /** Stores documents as this build does, because its tables may differ. */
  prefill: typeof prefill;
}

/** @param folder The checkout of this benchmark. */
export function ownBuild(folder: string, kind: Code['kind']): Build {
  const nodeArgs = kind === 'built' ? builtArgs(folder) : [join(folder, 'packages/server/bin/sluice.js')];
  return { name: 'this', nodeArgs, prefill };
}

/** @throws {SluiceError} `configuration_invalid` if the folder is no checkout with a build */
export function otherBuild(folder: string): Build {
  const entry = entryOf(folder);
  if (!existsSync(entry)) {
    throw new SluiceError(
      'configuration_invalid',
      `Cannot measure the build in --build: there is no ${entry}; run \`npm ci && npm run build\` in that checkout`,
    );
  }
  return {
    name: folder,
    nodeArgs: builtArgs(folder),
    async prefill(options) {
      const bench = pathToFileURL(resolve(folder, 'packages/bench/dist/index.js')).href;
      const other = (await import(bench)) as { prefill: typeof prefill };
      await other.prefill(options);
    },
  };
}

/** Of this build, and of builds before the packages were regrouped. */
const entryPaths = ['packages/server/dist/cli/main.js', 'packages/cli/dist/main.js'];

const entryOf = (folder: string): string =>
  join(folder, entryPaths.find((path) => existsSync(join(folder, path))) ?? entryPaths[0]!);

/** The same build, whose processes leave a CPU profile in the folder. */
export function profiled({ nodeArgs, ...build }: Build, folder: string): Build {
  return { ...build, nodeArgs: ['--cpu-prof', `--cpu-prof-dir=${folder}`, ...nodeArgs] };
}

/** Not by `bin/sluice.js`, which runs the sources of a checkout. */
function builtArgs(folder: string): string[] {
  const entry = pathToFileURL(resolve(entryOf(folder))).href;
  const text = `import { main } from ${JSON.stringify(entry)}; await main(process.argv.slice(1));`;
  return ['--input-type=module', '--eval', text, '--'];
}
