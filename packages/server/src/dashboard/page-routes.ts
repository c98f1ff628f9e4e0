/**
 * The files of the page. In a checkout the browser gets the TypeScript sources with their types erased, so there is
 * nothing to build; an installed package has them built.
 */
import { readdir, readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { open } from './access.ts';

const folders = [new URL('../../assets/', import.meta.url), new URL('./page/', import.meta.url)];

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.js': 'text/javascript; charset=utf-8',
  '.ts': 'text/javascript; charset=utf-8',
};

/** The page loads only its own files and asks only its own server; text stays text. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

interface PageFile {
  type: string;
  body: string;
}

export async function pageRoutes(app: FastifyInstance): Promise<void> {
  const files = await readPageFiles();
  const index = files.get('index.html')!;
  app.get('/', open, (request, reply) => {
    // The page finds its files relative to its own URL.
    const [path = '', query] = request.url.split('?');
    if (!path.endsWith('/'))
      return reply.redirect(`${path.split('/').at(-1)}/${query === undefined ? '' : `?${query}`}`, 308);
    return reply.header('Content-Security-Policy', policy).type(index.type).send(index.body);
  });
  for (const [name, { type, body }] of files) {
    if (name === 'index.html') continue;
    app.get(`/assets/${name}`, open, (_request, reply) => reply.type(type).send(body));
  }
}

async function readPageFiles(): Promise<Map<string, PageFile>> {
  const files = new Map<string, PageFile>();
  for (const folder of folders) {
    for (const name of await readdir(folder)) {
      const extension = extname(name);
      const type = types[extension];
      if (type === undefined || /\.d\.ts$|\.test\.ts$/.test(name)) continue;
      const text = await readFile(new URL(name, folder), 'utf8');
      const body = extension === '.ts' ? await eraseTypes(text) : text;
      files.set(name, { type, body });
      // The page starts with main.js; imports keep their names.
      if (name === 'main.ts') files.set('main.js', { type, body });
    }
  }
  return files;
}

async function eraseTypes(text: string): Promise<string> {
  const { transform } = await import('esbuild');
  return (await transform(text, { loader: 'ts', target: 'es2022' })).code;
}
