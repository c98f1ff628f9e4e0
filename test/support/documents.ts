// The Markdown files of the repository, and the code in them.

import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { readMarkdown, type Block } from '../../packages/site/src/markdown.ts';

export const root = resolve(import.meta.dirname, '../..');

const folders = ['.github', 'deploy', 'docs', 'examples', 'packages', 'sql', 'test'];
const isMade = (file: string): boolean =>
  /(^|\/)(node_modules|dist)\/|^packages\/(site\/(pages|build)|sluice\/sql)\//.test(file);

/** Paths of all Markdown files, from the root. */
export const documents: string[] = [
  ...readdirSync(root),
  ...folders.flatMap((folder) => filesBelow(folder)),
].filter((file) => file.endsWith('.md'));

/** Files of a folder and the folders below it, without what is installed or built. */
export function filesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (isMade(`${path}/`)) return [];
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

export const readDocument = (file: string): string => readFileSync(join(root, file), 'utf8');

export interface DocumentBlock extends Block {
  file: string;
}

export const blocks: DocumentBlock[] = documents.flatMap((file) =>
  readMarkdown(readDocument(file)).blocks.map((block) => ({ ...block, file })),
);

export const blocksOf = (...languages: string[]): DocumentBlock[] =>
  blocks.filter(({ language }) => languages.includes(language));

export const placeOf = ({ file, line }: DocumentBlock): string => `${file}:${line}`;
