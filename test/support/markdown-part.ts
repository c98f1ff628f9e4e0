// A part of a document of ours that a test writes: it stands between two comments, and UPDATE_DOCS=1 writes it anew.

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';

/** The text of a page of ours, and the one it should be, with this table in the part of this name. */
export async function tableInPlace(
  name: string,
  head: string[],
  lines: (string | number)[][],
  page = 'docs/reference/access.md',
): Promise<{ text: string; expected: string }> {
  const file = fileURLToPath(new URL(`../../${page}`, import.meta.url));
  const table = [head, head.map(() => '---'), ...lines]
    .map((cells) => `| ${head.map((_, index) => cells[index] ?? '').join(' | ')} |`)
    .join('\n');
  const text = readFileSync(file, 'utf8');
  const [before = '', , after = ''] = text.split(
    new RegExp(`(?<=<!-- ${name}: [^>]*-->)|(?=<!-- end of ${name} -->)`),
  );
  const options = { ...(await resolveConfig(file)), parser: 'markdown' };
  const expected = await format(`${before}\n\n${table}\n\n${after}`, options);
  if (process.env['UPDATE_DOCS']) writeFileSync(file, expected);
  return { text: readFileSync(file, 'utf8'), expected };
}
