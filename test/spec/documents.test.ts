// Each page of the documentation is true as far as a program can tell: its links lead somewhere, its code compiles, its
// commands and statements are ones that Sluice and PostgreSQL take.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { isBuildFresh } from '../../packages/bench/src/code.ts';
import { groups, isGenerated } from '../../packages/site/src/pages.ts';
import { brokenLinks } from '../../packages/site/src/broken-links.ts';
import { readMarkdown } from '../../packages/site/src/markdown.ts';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import {
  blocks,
  blocksOf,
  documents,
  filesBelow,
  placeOf,
  readDocument,
  root,
} from '../support/documents.ts';
import { parseCommand, toldCommands } from '../support/told-commands.ts';

const database = useDatabase();
const run = promisify(execFile);

test('each link between documents leads to a file, and to a heading of it', () => {
  expect(documents.length).toBeGreaterThan(20);
  expect(brokenLinks(root, documents)).toEqual([]);
});

test('each page that the code names exists', () => {
  const files = ['.ci', 'deploy', 'examples', 'packages', 'sql', 'test'].flatMap(filesBelow);
  const named = files
    .filter((file) => /\.(?:m?[jt]s|sql|ya?ml)$/.test(file))
    .flatMap((file) =>
      [...readDocument(file).matchAll(/\bdocs\/[\w/-]+\.md\b/g)].map(([page]) => ({ file, page })),
    );
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter(({ page }) => !existsSync(join(root, page)))).toEqual([]);
});

test('the site shows each page of docs/ once, and no page that is gone', () => {
  const shown = groups.flatMap(({ pages }) => pages.filter((page) => !isGenerated(page)));
  const files = shown.map(({ file }) => file);
  expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([]);
  expect(files.filter((file) => file.startsWith('docs/')).toSorted()).toEqual(
    documents.filter((file) => file.startsWith('docs/')).toSorted(),
  );
});

test('each block of code is in a language that is checked here, or is text', () => {
  const known = ['', 'ts', 'js', 'sh', 'sql', 'json', 'mermaid', 'text'];
  expect(blocks.filter(({ language }) => !known.includes(language)).map(placeOf)).toEqual([]);
});

test('each diagram begins with a kind that Mermaid knows, and closes each bracket that it opens', () => {
  const shown = blocksOf('mermaid');
  expect(shown.length).toBeGreaterThan(5);
  expect(shown.filter(({ text }) => !isDiagram(text)).map(placeOf)).toEqual([]);
});

describe('a block of code compiles', () => {
  /** Libraries that a reader installs to use the block. */
  const foreign = /^@opentelemetry\//;
  let folder: string;

  beforeAll(async () => {
    await mkdir(join(root, '.sluice'), { recursive: true });
    folder = await mkdtemp(join(root, '.sluice/documents-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test('the TypeScript blocks of all pages compile in strict mode, in one program', async () => {
    const shown = blocksOf('ts', 'js');
    expect(shown.length).toBeGreaterThan(5);
    /** Where each block is written, as if it stood in the repository: in the file that its first line names, or its page. */
    const files = new Map<string, string>();
    for (const block of shown) {
      const [, named] = /^\/\/ (\S+\/\S+\.m?[jt]s)\b/.exec(block.text) ?? [];
      const file = named ?? `${block.file}.${block.line}.${block.language}`;
      files.set(file, placeOf(block));
      await mkdir(dirname(join(folder, file)), { recursive: true });
      await writeFile(join(folder, file), block.text);
    }
    const modules = shown.flatMap(({ text }) =>
      [...text.matchAll(/from '([^'.][^']*)'/g)].map(([, name]) => name!),
    );
    const absent = [...new Set(modules)].filter(
      (name) => foreign.test(name) && !existsSync(join(root, 'node_modules', name)),
    );
    await writeFile(
      join(folder, 'absent.d.ts'),
      absent.map((name) => `declare module '${name}';\n`).join(''),
    );
    const compilerOptions = {
      rootDirs: ['.', root],
      // Declarations are read in a tenth of the time: they are used if the build is as new as the sources.
      customConditions: isBuildFresh() ? [] : ['source'],
      noEmit: true,
      allowJs: true,
      checkJs: true,
      rewriteRelativeImportExtensions: false,
      allowImportingTsExtensions: true,
    };
    const config = {
      extends: join(root, 'tsconfig.json'),
      compilerOptions,
      files: [...files.keys(), 'absent.d.ts'],
    };
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
    const faults = await run(join(root, 'node_modules/.bin/tsc'), ['-p', folder], { cwd: folder }).then(
      () => '',
      (error: unknown) => (error as { stdout: string }).stdout,
    );
    // Parameters have no types in JavaScript.
    const strict = faults.replaceAll(/^.*\.m?js\(.*: error TS(?:7006|7031): .*\n/gm, '');
    const told = [...files].reduce(
      (text, [file, place]) => text.replaceAll(file, `${place} (${file})`),
      strict,
    );
    expect(told).toBe('');
  }, 120_000);

  test('the JSON blocks of all pages parse', () => {
    const faults = blocksOf('json').flatMap((block) => {
      try {
        JSON.parse(block.text);
        return [];
      } catch (error) {
        return [`${placeOf(block)}: ${(error as Error).message}`];
      }
    });
    expect(faults).toEqual([]);
  });

  test('the SQL blocks of all pages are prepared against the schema, or parse where PostgreSQL prepares none', async () => {
    const shown = blocksOf('sql');
    expect(shown.length).toBeGreaterThan(5);
    const client = new pg.Client(database.url);
    await client.connect();
    const faults: string[] = [];
    for (const block of shown) {
      for (const statement of statementsOf(block.text)) {
        const isPrepared = /^(select|insert|update|delete|merge|with|values)\b/i.test(statement);
        const text = isPrepared
          ? `prepare told as ${statement}; deallocate told`
          : // PL/pgSQL parses what it does not run.
            `do $told$ begin if false then ${statement}; end if; end $told$`;
        await client
          .query(text)
          .catch((error: unknown) => faults.push(`${placeOf(block)}: ${String(error)}: ${statement}`));
      }
    }
    await client.end();
    expect(faults).toEqual([]);
  });
});

describe('a command that a page tells', () => {
  /** What the pages show in blocks without a language, or of a shell, and what stands in backticks. */
  const told = documents
    .filter((file) => file !== 'CHANGELOG.md')
    .map((file) => {
      const shells = blocksOf('', 'sh').filter((block) => block.file === file);
      const words = readMarkdown(readDocument(file))
        .prose.join('\n')
        .matchAll(/`([^`]+)`/g);
      return { file, code: [...shells.map(({ text }) => text), ...[...words].map(([, word]) => word!)] };
    });
  told.push({ file: 'docker-compose.yml', code: readDocument('docker-compose.yml').split('`') });
  const commands = told.flatMap(({ file, code }) =>
    code.flatMap(toldCommands).map((args) => ({ file, args })),
  );
  /** Names of spans: `sluice write` is no command. */
  const spans = ['write', 'intake', 'wait', 'batch', 'completion'];

  test('each command of a page is one that the command line takes, with its options', () => {
    const faults = commands.flatMap(({ file, args }) => {
      try {
        if (args.length > 1 || !spans.includes(args[0]!)) parseCommand(args);
        return [];
      } catch (error) {
        return [`${file}: ${(error as Error).message}`];
      }
    });
    expect(commands.length).toBeGreaterThan(100);
    expect(faults).toEqual([]);
  });

  test('each npm command of a page names a script of package.json', () => {
    const { scripts } = JSON.parse(readDocument('package.json')) as { scripts: Record<string, string> };
    const unknown = told.flatMap(({ file, code }) =>
      [...code.join('\n').matchAll(/npm run (?:--?\w+ )*([\w:]+)/g)]
        .filter(([, name]) => scripts[name!] === undefined)
        .map(([text]) => `${file}: ${text}`),
    );
    expect(unknown).toEqual([]);
  });

  test('each file that a command of a page names exists in the repository', () => {
    const paths = told
      // There a reader is told which files to make.
      .filter(({ file }) => !file.startsWith('docs/contributing/'))
      .flatMap(({ file, code }) =>
        [
          ...code
            .join('\n')
            .matchAll(
              /(?<![\w/.])(?:test|docs|sql|deploy|examples|packages)\/[\w/.@-]+\.(?:ts|sql|mjs|md|yml)\b/g,
            ),
        ].map(([path]) => ({ file, path })),
      );
    expect(paths.length).toBeGreaterThan(20);
    const isThere = (path: string): boolean => existsSync(join(root, path));
    expect(paths.filter(({ file, path }) => !isThere(path) && !isThere(join(dirname(file), path)))).toEqual(
      [],
    );
  });
});

/** A check of the outline, where no browser starts: test/browser/diagrams.test.ts draws them. */
function isDiagram(text: string): boolean {
  const open: string[] = [];
  const pairs: Record<string, string> = { ')': '(', ']': '[', '}': '{' };
  // Arrows of sequence diagrams have single brackets; texts in quotes and after a colon may have any.
  for (const [sign] of text.replaceAll(/"[^"\n]*"|-+>*[)x]|:.*/g, '').matchAll(/[()[\]{}]/g)) {
    if ('([{'.includes(sign)) open.push(sign);
    else if (open.pop() !== pairs[sign]) return false;
  }
  const isKnown = /^(?:flowchart (?:LR|RL|TB|TD|BT)|sequenceDiagram|stateDiagram-v2)\n/.test(text);
  return isKnown && open.length === 0 && text.split('"').length % 2 === 1;
}

/** Statements of a block, without comments. What stands for a value that the reader fills in is null. */
function statementsOf(text: string): string[] {
  const tokens =
    text.replaceAll('(…)', '(null)').match(/'[^']*'|(\$\w*\$)[^]*?\1|--[^\n]*|;|[^';$-]+|[-$]/g) ?? [];
  const statements = [''];
  for (const token of tokens) {
    if (token === ';') statements.push('');
    else if (!token.startsWith('--')) statements.push(statements.pop()! + token);
  }
  return statements.map((each) => each.trim()).filter((each) => each !== '');
}
