// What a person reads of the repository: prose of Markdown, comments, help and messages, titles of tests.

import { parseSync } from 'oxc-parser';
import { readMarkdown } from '../../packages/site/src/markdown.ts';
import { documents, filesBelow, readDocument } from './documents.ts';

export interface Text {
  file: string;
  /** Of its first line, from 1. */
  line: number;
  text: string;
}

interface Node {
  type: string;
  start: number;
  [key: string]: unknown;
}

export function textsOfRepository(): Text[] {
  const folders = ['.ci', 'deploy', 'docs', 'examples', 'packages', 'sql', 'test'];
  const files = folders.flatMap(filesBelow).filter((file) => !file.endsWith('.md'));
  return [...documents.filter((file) => file !== 'CHANGELOG.md'), ...files].flatMap((file) => {
    if (file.endsWith('.md')) return proseOf(file);
    if (/\.m?[jt]s$/.test(file)) return codeTextsOf(file);
    const mark = file.endsWith('.sql')
      ? '--'
      : /\.(ya?ml|service|env|conf)$|Dockerfile$/.test(file)
        ? '#'
        : null;
    return mark === null || isFixed(file) ? [] : markedTextsOf(file, mark);
  });
}

/** Migrations are never changed, and the schema is made of them. */
const isFixed = (file: string): boolean => /^sql\/(?:migrations\/|schema\.sql)/.test(file);

function proseOf(file: string): Text[] {
  return readMarkdown(readDocument(file)).prose.map((text, index) => ({
    file,
    line: index + 1,
    text: text.replaceAll(/`[^`]*`/g, '`…`'),
  }));
}

/** Comments that begin with this mark, line by line. */
function markedTextsOf(file: string, mark: string): Text[] {
  return readDocument(file)
    .split('\n')
    .flatMap((text, index) => {
      const at = text.indexOf(mark);
      return at === -1 ? [] : [{ file, line: index + 1, text: text.slice(at) }];
    });
}

/** Comments, sentences among the literals of the product, and the titles of tests. */
function codeTextsOf(file: string): Text[] {
  const code = readDocument(file);
  const { program, comments } = parseSync(file, code);
  const lineAt = (start: number): number => code.slice(0, start).split('\n').length;
  const found = comments.map(({ start, value }) => ({ file, line: lineAt(start), text: value }));
  const isTest = /^test\/|\.test\.ts$/.test(file);
  const add = (node: Node, text: unknown): void => {
    if (typeof text === 'string' && text.includes(' ')) found.push({ file, line: lineAt(node.start), text });
  };
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) return value.forEach(visit);
    if (typeof value !== 'object' || value === null) return;
    const node = value as Node;
    if (!isTest && node.type === 'Literal') add(node, node['value']);
    if (!isTest && node.type === 'TemplateElement') add(node, (node['value'] as { cooked?: string }).cooked);
    if (isTest && node.type === 'CallExpression' && isCaseOrGroup(node['callee'] as Node)) {
      const [title] = node['arguments'] as Node[];
      if (title?.type === 'Literal') add(title, title['value']);
    }
    for (const each of Object.values(node)) visit(each);
  };
  visit(program);
  return found;
}

/** `test(…)`, `describe.each(…)(…)` and their kin. */
function isCaseOrGroup(callee: Node): boolean {
  if (callee.type === 'Identifier') return ['test', 'it', 'describe'].includes(callee['name'] as string);
  const inner = callee['object'] ?? callee['callee'];
  return inner !== undefined && isCaseOrGroup(inner as Node);
}
