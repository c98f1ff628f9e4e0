// Finds the named things of the product, in whatever file they are: functions, methods, constants and SQL statements.

import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseSync, visitorKeys, type Node } from 'oxc-parser';

export type { Node };

export const root = resolve(import.meta.dirname, '../..');

export interface Place {
  /** The path of the file, from the root of the project or of a copy of it. */
  file: string;
  /** The whole file. */
  text: string;
  /** The file, the names around the place, its own name: `…/world/World/#own`, `…/outcome.sql/findKeys`. */
  path: string;
  start: number;
  end: number;
  /** Null: SQL. */
  node: Node | null;
}

export function childrenOf(node: Node): Node[] {
  const fields = node as unknown as Record<string, Node | (Node | null)[] | null | undefined>;
  return (visitorKeys[node.type] ?? []).flatMap((key) => fields[key] ?? []).filter((each) => each !== null);
}

/** The identifier, member name or literal that a node is. */
export function wordOf(node: Node): string | null {
  if (node.type === 'Identifier') return node.name;
  if (node.type === 'PrivateIdentifier') return `#${node.name}`;
  if (node.type === 'Literal') return typeof node.value === 'string' ? node.value : node.raw;
  return null;
}

function nameOf(node: Node, isOutside: boolean): string | null {
  switch (node.type) {
    case 'FunctionDeclaration':
    case 'ClassDeclaration':
      return node.id && wordOf(node.id);
    // Of what a function keeps for itself only functions.
    case 'VariableDeclarator':
      return isOutside || node.init?.type.endsWith('FunctionExpression') ? wordOf(node.id) : null;
    case 'MethodDefinition':
    case 'PropertyDefinition':
      return wordOf(node.key);
    case 'Property':
      return node.value.type.endsWith('FunctionExpression') ? wordOf(node.key) : null;
    default:
      return null;
  }
}

const parsed = new Map<string, { text: string; places: Place[] }>();

/** Everything in a file that has a name. */
export function placesIn(file: string, text: string): Place[] {
  const known = parsed.get(file);
  if (known?.text === text) return known.places;
  const places = file.endsWith('.sql') ? statementsIn(file, text) : namesIn(file, text);
  parsed.set(file, { text, places });
  return places;
}

function statementsIn(file: string, text: string): Place[] {
  return [{ file, text, path: file, start: 0, end: text.length, node: null }, ...queriesIn(file, text)];
}

function namesIn(file: string, text: string): Place[] {
  const places: Place[] = [];
  const visit = (node: Node, around: string, isOutside: boolean): void => {
    const name = nameOf(node, isOutside);
    const path = name === null ? around : `${around}/${name}`;
    if (name !== null) places.push({ file, text, path, start: node.start, end: node.end, node });
    const isStillOutside = isOutside && !node.type.includes('Function');
    for (const child of childrenOf(node)) visit(child, path, isStillOutside);
  };
  visit(parseSync(file, text).program, file.replace(/\.ts$/, ''), true);
  return places;
}

function queriesIn(file: string, text: string): Place[] {
  return [...text.matchAll(/^-- name: (\w+)$(?:(?!^-- name: )[^])*/gm)].map(
    ({ index, 0: whole, 1: name }) => ({
      file,
      text,
      path: `${file}/${name}`,
      start: index,
      end: index + whole.length,
      node: null,
    }),
  );
}

/** Sources of the product, and of the simulation below it. */
function sources(): string[] {
  const folders = readdirSync(join(root, 'packages')).map((name) => `packages/${name}/src`);
  return [...folders, 'sql', 'test/simulation'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((path) => /\.(?:ts|sql)$/.test(path) && !path.endsWith('.test.ts'))
      .map((path) => join(folder, path)),
  );
}

let texts: Map<string, string> | undefined;

/** Places whose path ends like this. @param places Among which to look. @default all of the sources */
export function findPlaces(name: string, places?: readonly Place[]): Place[] {
  const isIt = ({ path }: Place): boolean => `/${path}`.endsWith(`/${name}`);
  if (places !== undefined) return places.filter(isIt);
  texts ??= new Map(sources().map((file) => [file, readFileSync(join(root, file), 'utf8')]));
  // Only what has the word in it, or is called so, has to be parsed.
  const word = name.replace(/^.*\//, '');
  return [...texts]
    .filter(([file, text]) => file.endsWith(word) || text.includes(word))
    .flatMap(([file, text]) => placesIn(file, text).filter(isIt));
}
