/** The VitePress configuration of pages/, which `build.ts` fills. */

import { defineConfig, type MarkdownRenderer } from 'vitepress';
import { slugOf } from './markdown.ts';
import { addressOf, groups } from './pages.ts';

/** A block of Mermaid becomes an element that the theme draws. */
function drawDiagrams({ renderer, utils }: MarkdownRenderer): void {
  const fence = renderer.rules.fence!;
  renderer.rules.fence = (tokens, index, ...rest) => {
    const { info, content } = tokens[index]!;
    if (info.trim() !== 'mermaid') return fence(tokens, index, ...rest);
    return `<div class="diagram" v-diagram><pre v-pre>${utils.escapeHtml(content)}</pre></div>\n`;
  };
}

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
  markdown: { anchor: { slugify: slugOf }, config: drawDiagrams },
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
