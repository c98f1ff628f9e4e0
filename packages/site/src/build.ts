/** `npm run docs`: gathers the pages, generates the references, checks the links, and builds the site with VitePress. */

import { readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'vitepress';
import { writeApiReference } from './api-reference.ts';
import { brokenLinks } from './broken-links.ts';
import { commandReference } from './command-reference.ts';
import { httpReference, readOpenApi } from './http-reference.ts';
import { copyPages, write } from './pages.ts';

const root = resolve(import.meta.dirname, '../../..');
const folder = join(root, 'packages/site');
const pages = join(folder, 'pages');

rmSync(pages, { recursive: true, force: true });
copyPages(root, pages);
write(join(pages, 'reference/commands.md'), await commandReference());
const description = await readOpenApi();
write(join(pages, 'reference/http.md'), httpReference(description));
write(join(pages, 'public/files/openapi.json'), JSON.stringify(description, null, 2));
await writeApiReference(root, join(pages, 'reference/api'));

const files = readdirSync(pages, { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.md'),
);
// Copied files are under public/, which the site serves as its root.
const broken = brokenLinks(pages, files).filter((line) => !line.includes(': /files/'));
if (broken.length > 0) throw new Error(`Cannot build the site: links lead nowhere:\n${broken.join('\n')}`);

await build(folder);
console.log(`The site is in ${join(folder, 'build')}`);
