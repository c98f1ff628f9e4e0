/**
 * The named statements of sql/queries: `-- name: openTerm`, a sentence, one static statement. Read once, at import.
 * None of these is assembled at run time; for another schema each is rewritten once (schema.ts).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { encodersIn, type Encoders } from './array-bytes.ts';
import { defaultSchema, sqlFor, statementNameIn } from './schema.ts';

/** The folder `sql/`: the build copies it into the package, beside `dist/`; the sources use that of the checkout. */
export const sqlFolder = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? '../../../../sql/' : '../../sql/', import.meta.url),
);

export interface NamedQuery {
  name: string;
  text: string;
  /** The file in sql/queries that contains it. */
  file: string;
  /** Of its array parameters. */
  encoders: Encoders;
}

function readQueries(): Map<string, NamedQuery> {
  const queries = new Map<string, NamedQuery>();
  const folder = `${sqlFolder}queries/`;
  for (const file of readdirSync(folder).sort()) {
    if (!file.endsWith('.sql')) continue;
    const [, ...parts] = readFileSync(folder + file, 'utf8').split(/^-- name: *(?=\w+ *$)/m);
    for (const part of parts) {
      const [name = '', ...lines] = part.split('\n');
      const text = lines
        .filter((line) => !line.startsWith('--'))
        .join('\n')
        .trim()
        .replace(/;$/, '');
      if (queries.has(name.trim())) throw new Error(`Cannot read ${file}: it names a query twice: ${name}`);
      queries.set(name.trim(), { name: name.trim(), text, file, encoders: encodersIn(text) });
    }
  }
  return queries;
}

export const queries: ReadonlyMap<string, NamedQuery> = readQueries();

const bySchema = new Map<string, ReadonlyMap<string, NamedQuery>>([[defaultSchema, queries]]);

/**
 * The statements for a schema.
 * @throws {SluiceError} `configuration_invalid` if its name cannot be used
 */
export function queriesOf(schema: string = defaultSchema): ReadonlyMap<string, NamedQuery> {
  let found = bySchema.get(schema);
  if (found === undefined) {
    const rewritten = [...queries].map(([key, { name, text, ...rest }]): [string, NamedQuery] => [
      key,
      { name: statementNameIn(schema, name), text: sqlFor(schema, text), ...rest },
    ]);
    bySchema.set(schema, (found = new Map(rewritten)));
  }
  return found;
}

export function query(name: string, schema?: string): NamedQuery {
  const found = queriesOf(schema).get(name);
  if (found === undefined) throw new Error(`Cannot find the query in sql/queries: ${name}`);
  return found;
}
