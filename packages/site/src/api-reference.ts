/** The pages of the TypeScript API, which TypeDoc makes from the exports of the published packages. */

import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Application, LogLevel } from 'typedoc';

interface Entry {
  /** As in an import statement. */
  specifier: string;
  source: string;
}

/** The public exports of a package that have sources. */
function entriesOf(root: string, folder: string): Entry[] {
  const { name, exports } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as {
    name: string;
    exports: Record<string, string | { source?: string }>;
  };
  return Object.entries(exports).flatMap(([path, target]) =>
    typeof target === 'object' && target.source !== undefined && !path.startsWith('./internal/')
      ? [{ specifier: join(name, path), source: join(folder, target.source) }]
      : [],
  );
}

/** Writes the pages into `out`, one for each entry. A warning of TypeDoc is an error. */
export async function writeApiReference(root: string, out: string): Promise<void> {
  process.chdir(root);
  const entries = ['packages/sluice', 'packages/edfi'].flatMap((folder) => entriesOf(root, folder));
  const options = {
    // Resolved from here, because the plugin is a dependency of this package.
    plugin: [import.meta.resolve('typedoc-plugin-markdown')],
    entryPoints: entries.map(({ source }) => source),
    tsconfig: resolve(root, 'packages/site/tsconfig.api.json'),
    basePath: root,
    readme: 'none',
    entryFileName: 'index',
    outputFileStrategy: 'modules',
    hidePageHeader: true,
    hideBreadcrumbs: true,
    useCodeBlocks: true,
    useHTMLAnchors: true,
    excludeExternals: true,
    disableSources: true,
    logLevel: LogLevel.Warn,
    out,
  };
  const app = await Application.bootstrapWithPlugins(options);
  const project = await app.convert();
  if (project === undefined) throw new Error('Cannot document the API: TypeDoc found faults in the sources');
  project.name = 'TypeScript API';
  for (const module of project.children ?? []) {
    const entry = entries.find(({ source }) => source.replace(/(\/index)?\.ts$/, '') === module.name);
    if (entry !== undefined) module.name = entry.specifier;
  }
  app.validate(project);
  await app.generateOutputs(project);
  if (app.logger.hasWarnings() || app.logger.hasErrors())
    throw new Error('Cannot document the API: TypeDoc gave the warnings above');
}
