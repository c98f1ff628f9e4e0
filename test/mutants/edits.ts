// What a mutant does to the place that it names. An edit finds a part of the place by the words in it (identifiers,
// members, literals), so that it survives what a refactoring does around it. In new code `$0` stands for the old.

import { childrenOf, wordOf, type Node, type Place } from './places.ts';

export interface Splice {
  start: number;
  end: number;
  by: string;
}

/** Throws an Error that says what was looked for, where it does not occur once. */
export type Edit = (place: Place) => Splice;

/** Replaces the smallest condition that mentions all the words. */
export const when = (code: string, ...words: string[]): Edit => replace(conditionsIn, words, code);
export const never = (...words: string[]): Edit => when('false', ...words);
export const always = (...words: string[]): Edit => when('true', ...words);

/** Replaces the smallest statement that mentions all the words. */
export const put = (code: string, ...words: string[]): Edit => replace(statementsIn, words, code);
export const drop = (...words: string[]): Edit => put(';', ...words);

/** Leaves out the smallest element or property of a literal that mentions all the words. */
export const omit =
  (...words: string[]): Edit =>
  (place) => {
    const { start, end } = replace(itemsIn, words, '')(place);
    const [comma = ''] = /^\s*,/.exec(place.text.slice(end)) ?? [];
    return { start, end: end + comma.length, by: '' };
  };

/** Gives a property of a literal, or a constant, of this name another value. */
export const give = (name: string, code: string): Edit => replace(valuesOf(name), [], code, name);

/** Turns each assignment to this name (there is one) into one of another value. */
export const assign =
  (name: string, code: string): Edit =>
  (place) => {
    const node = one(
      nodesIn(place).filter((each) => each.type === 'AssignmentExpression' && lastWord(each.left) === name),
      `assignment to ${name}`,
    );
    if (node.type !== 'AssignmentExpression') throw new Error(node.type);
    return { start: node.left.end, end: node.end, by: ` = ${code}` };
  };

/** Replaces the call of a function; `$1` stands for its first argument. */
export const call =
  (callee: string, code: string): Edit =>
  (place) => {
    const node = one(
      nodesIn(place).filter((each) => each.type === 'CallExpression' && lastWord(each.callee) === callee),
      `call of ${callee}`,
    );
    if (node.type !== 'CallExpression') throw new Error(node.type);
    const by = code.replace(/\$(\d)/g, (_all, digit: string) =>
      textOf(place, digit === '0' ? node : node.arguments[Number(digit) - 1]),
    );
    return { start: node.start, end: node.end, by };
  };

/** Compares the two sides of the smallest comparison that mentions all the words by another operator. */
export const compare =
  (operator: string, ...words: string[]): Edit =>
  (place) => {
    const node = smallest(
      nodesIn(place).filter((each) => each.type === 'BinaryExpression'),
      words,
    );
    if (node.type !== 'BinaryExpression') throw new Error(node.type);
    return { start: node.left.end, end: node.right.start, by: ` ${operator} ` };
  };

/** Puts code before all else that a function does. */
export const first =
  (code: string): Edit =>
  (place) => {
    const body = nodesIn(place).find(({ type }) => type === 'BlockStatement');
    if (body === undefined) throw new Error('No body');
    return { start: body.start + 1, end: body.start + 1, by: code };
  };

/** Replaces code that no other edit fits; white space does not count. The only edit for SQL. */
export const swap =
  (from: string, to: string): Edit =>
  ({ text, start, end }) => {
    const pattern = (from.match(/\w+|[^\w\s]/g) ?? [])
      .map((token) => token.replace(/\W/g, String.raw`\$&`))
      .join(String.raw`\s*`);
    const found = one([...text.slice(start, end).matchAll(new RegExp(pattern, 'g'))], from);
    return { start: start + found.index, end: start + found.index + found[0].length, by: to };
  };

type Find = (node: Node) => Node[];

function replace(find: Find, words: readonly string[], code: string, what?: string): Edit {
  return (place) => {
    const { start, end } = smallest(nodesIn(place).flatMap(find), words, what);
    return { start, end, by: code.replaceAll('$0', () => place.text.slice(start, end)) };
  };
}

function conditionsIn(node: Node): Node[] {
  switch (node.type) {
    case 'IfStatement':
    case 'ConditionalExpression':
    case 'WhileStatement':
      return [node.test];
    case 'LogicalExpression':
      return node.operator === '??' ? [] : [node.left, node.right];
    case 'ArrowFunctionExpression':
      return [node.body].filter(isClaim);
    case 'ReturnStatement':
      return node.argument === null ? [] : [node.argument].filter(isClaim);
    default:
      return [];
  }
}

/** An expression that may be a condition wherever it is. */
function isClaim({ type }: Node): boolean {
  return /^(?:Binary|Logical|Unary|Call)Expression$/.test(type);
}

function statementsIn(node: Node): Node[] {
  const isStatement = /Statement$|^VariableDeclaration$/.test(node.type) && node.type !== 'BlockStatement';
  return isStatement ? [node] : [];
}

function itemsIn(node: Node): Node[] {
  if (node.type === 'ObjectExpression') return node.properties.filter(({ type }) => type === 'Property');
  return node.type === 'ArrayExpression' ? node.elements.filter((each) => each !== null) : [];
}

function valuesOf(name: string): Find {
  return (node) => {
    if (node.type === 'VariableDeclarator')
      return node.init !== null && wordOf(node.id) === name ? [node.init] : [];
    if (node.type !== 'ObjectExpression') return [];
    return node.properties.flatMap((each) =>
      each.type === 'Property' && wordOf(each.key) === name ? [each.value] : [],
    );
  };
}

function nodesIn({ node }: Place): Node[] {
  const within = (each: Node): Node[] => [each, ...childrenOf(each).flatMap(within)];
  return node === null ? [] : within(node);
}

/** Of the nodes that mention all the words, the one that has no other of them within it. */
function smallest(nodes: readonly Node[], words: readonly string[], what = words.join(', ')): Node {
  const mentioning = nodes.filter((node) => {
    const said = wordsIn(node);
    return words.every((word) => said.has(word));
  });
  const holds = (outer: Node, inner: Node): boolean =>
    outer !== inner && outer.start <= inner.start && inner.end <= outer.end;
  return one(
    mentioning.filter((node) => !mentioning.some((other) => holds(node, other))),
    what,
  );
}

const wordsOf = new WeakMap<Node, Set<string>>();

function wordsIn(node: Node): Set<string> {
  const known = wordsOf.get(node);
  if (known !== undefined) return known;
  const word = wordOf(node);
  const words = new Set(word === null ? childrenOf(node).flatMap((child) => [...wordsIn(child)]) : [word]);
  wordsOf.set(node, words);
  return words;
}

function lastWord(node: Node): string | null {
  return node.type === 'MemberExpression' ? wordOf(node.property) : wordOf(node);
}

function textOf({ text }: Place, node: Node | undefined): string {
  return node === undefined ? 'undefined' : text.slice(node.start, node.end);
}

function one<T>(found: readonly T[], what: string): T {
  const [only] = found;
  if (only === undefined || found.length > 1) throw new Error(`${found.length} places for: ${what}`);
  return only;
}
