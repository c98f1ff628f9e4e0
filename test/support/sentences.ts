// Sentences of a Markdown text, as a plain count takes them: paragraphs and items of lists, without tables and code.

import { readMarkdown } from '../../packages/site/src/markdown.ts';

export interface Readability {
  /** In prose, tables and headings; blocks of code have none. */
  words: number;
  sentences: string[];
}

const wordsOf = (text: string): string[] => text.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word));

export const lengthOf = (sentence: string): number => wordsOf(sentence).length;

export function readSentences(markdown: string): Readability {
  const lines = readMarkdown(markdown).prose;
  const paragraphs = [''];
  for (const line of lines) {
    const text = line.replace(/^\s*(?:[-*]|\d+\.|>)\s+/, '');
    const isBreak = line.trim() === '' || /^\s*(?:\||#|<!--)/.test(line);
    if (isBreak || text !== line) paragraphs.push('');
    if (!isBreak) paragraphs.push(`${paragraphs.pop()!} ${text.trim()}`);
  }
  return {
    words: wordsOf(lines.join(' ')).length,
    sentences: paragraphs
      .flatMap((each) => plain(each).split(/(?<=[.!?][)"'*]*)\s+(?=[\p{Lu}"(…])/u))
      .map((each) => each.trim())
      .filter((each) => lengthOf(each) > 0),
  };
}

/** What is code is one word, and a link is its text. */
function plain(text: string): string {
  return text
    .replaceAll(/`[^`]*`/g, 'Code')
    .replaceAll(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll(/<[^>]*>|\*\*|(?<![\w])_|_(?!\w)/g, '');
}
