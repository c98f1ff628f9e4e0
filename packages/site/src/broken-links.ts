/** Broken links between Markdown files: to a missing file, or to a missing heading. */

import { existsSync, readFileSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { readMarkdown, type Markdown } from './markdown.ts';

/** As `file:line: target`. Links to other sites are not followed. */
export function brokenLinks(root: string, files: readonly string[]): string[] {
  const known = new Map<string, Markdown>();
  const markdownOf = (file: string): Markdown => {
    let found = known.get(file);
    if (found === undefined) known.set(file, (found = readMarkdown(readFileSync(join(root, file), 'utf8'))));
    return found;
  };
  return files.flatMap((file) =>
    markdownOf(file)
      .links.filter(({ target }) => !/^[a-z]+:/.test(target))
      .filter(({ target }) => {
        const [path = '', anchor] = decodeURI(target).split('#');
        const goal = path === '' ? file : normalize(join(file, '..', path));
        if (goal.startsWith('..') || !existsSync(join(root, goal))) return true;
        return anchor !== undefined && !(goal.endsWith('.md') && markdownOf(goal).anchors.has(anchor));
      })
      .map(({ target, line }) => `${file}:${line}: ${target}`),
  );
}
