/** Tables of Markdown whose cells come from code. */

/** Text of code for Markdown prose, with escapes for characters that would start a tag. */
export const cell = (text: string): string =>
  text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('{{', '{&#123;').replaceAll('\n', ' ');

/** Empty if there are no rows. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |\n`).join('') + '\n';
}
