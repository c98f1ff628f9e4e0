/** The VitePress configuration of pages/, which `build.ts` fills. */

import { defineConfig } from 'vitepress';
import { slugOf } from './markdown.ts';
import { addressOf, groups } from './pages.ts';

const fail = (message: string): void => {
  throw new Error(`Cannot build the site: ${message}`);
};

export default defineConfig({
  title: 'Sluice',
  description: 'A distributed write coordinator for PostgreSQL',
  base: process.env['SITE_BASE'] ?? '/',
  srcDir: 'pages',
  outDir: 'build',
  cacheDir: '../../node_modules/.cache/vitepress',
  // Copies of files are no pages: build.ts checks that each exists.
  ignoreDeadLinks: [/^\/files\//],
  markdown: { anchor: { slugify: slugOf } },
  vite: {
    // A warning of the build is a fault of a page, or of this file.
    customLogger: {
      info: () => {},
      warn: fail,
      warnOnce: fail,
      error: fail,
      clearScreen: () => {},
      hasErrorLogged: () => false,
      hasWarned: false,
    },
    // The search index is one file.
    build: { chunkSizeWarningLimit: 2000 },
  },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    sidebar: groups.map(({ text, pages }) => ({
      text,
      collapsed: false,
      items: pages.map(({ file, title }) => ({ text: title, link: addressOf(file) })),
    })),
  },
});
