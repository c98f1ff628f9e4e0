/** The parts of a Markdown text: headings by their anchors, links, blocks of code, and prose. */

export interface Block {
  /** The word after the fence; empty if there is none. */
  language: string;
  text: string;
  /** Line of the first line of code, from 1. */
  line: number;
}

export interface Link {
  target: string;
  line: number;
}

export interface Markdown {
  anchors: Set<string>;
  links: Link[];
  blocks: Block[];
  /** Lines outside of blocks of code, at their places; the lines of a block are empty. */
  prose: string[];
}

export function readMarkdown(text: string): Markdown {
  const { prose, blocks } = separate(text.split('\n'));
  const anchors = new Set<string>();
  const links: Link[] = [];
  for (const line of prose) {
    const [, heading] = /^#{1,6} +(.*?) *#*$/.exec(line) ?? [];
    if (heading !== undefined) anchors.add(unused(slugOf(heading), anchors));
    for (const [, id] of line.matchAll(/<a (?:id|name)="([^"]+)"/g)) anchors.add(id!);
  }
  // A link may continue in the next line; text inside of backticks is no link.
  const whole = prose.join('\n').replaceAll(/`[^`\n]*`/g, (code) => '`'.repeat(code.length));
  for (const { 1: target, index } of whole.matchAll(/\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g))
    links.push({ target: target!, line: whole.slice(0, index).split('\n').length });
  return { anchors, links, blocks, prose };
}

function separate(lines: readonly string[]): { prose: string[]; blocks: Block[] } {
  const prose: string[] = [];
  const blocks: Block[] = [];
  let open: { fence: string; block: Block; lines: string[] } | null = null;
  for (const [index, line] of lines.entries()) {
    const [, fence, language = ''] = /^\s*(`{3,}|~{3,})\s*([\w-]*)/.exec(line) ?? [];
    if (open === null && fence === undefined) prose.push(line);
    else prose.push('');
    if (open !== null && fence?.startsWith(open.fence) && line.trim() === fence) {
      blocks.push({ ...open.block, text: open.lines.join('\n') });
      open = null;
    } else if (open !== null) open.lines.push(line);
    else if (fence !== undefined) open = { fence, block: { language, text: '', line: index + 2 }, lines: [] };
  }
  return { prose, blocks };
}

/** The anchor of a heading, as GitHub makes it. */
export function slugOf(heading: string): string {
  return heading
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll(/<[^>]*>/g, '')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(/\s/g, '-');
}

/** A repeated heading gets a number, as on GitHub. */
function unused(slug: string, taken: ReadonlySet<string>): string {
  for (let count = 0; ; count += 1) {
    const candidate = count === 0 ? slug : `${slug}-${count}`;
    if (!taken.has(candidate)) return candidate;
  }
}
