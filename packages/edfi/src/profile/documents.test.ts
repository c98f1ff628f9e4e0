/** Every document of the Ed-Fi sample district passes, and each with one field spoiled is refused at that field. */
import { defaultLimits, jsonLimits, JsonScanner } from '@sluice/server/profile';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Resource } from 'sluice/model';
import { describe, expect, test } from 'vitest';
import { edFiPath, isAbsent } from '../../../../test/support/edfi-data.ts';
import { readModel } from '../model/model-format.ts';
import { EdFiError } from './problem.ts';
import { EdFiDocuments } from './read-edfi-document.ts';

const schemaFile = edFiPath('ApiSchema.json');
const folder = edFiPath('documents');

const documents = new EdFiDocuments(new JsonScanner(jsonLimits(defaultLimits)));

interface Line {
  resource: Resource;
  text: string;
}

async function readLines(): Promise<Line[]> {
  const model = await readModel(schemaFile);
  const names = readdirSync(folder).sort();
  return names.flatMap((name) =>
    readFileSync(join(folder, name), 'utf8')
      .trim()
      .split('\n')
      .map((line) => {
        const { endpoint, document } = JSON.parse(line) as { endpoint: string; document: unknown };
        return { resource: model.findEndpoint(endpoint)!, text: JSON.stringify(document) };
      }),
  );
}

/** Where the document was refused; empty: it was not. */
function refusedPaths({ resource, text }: Line): string[] {
  try {
    documents.read(Buffer.from(text), resource, undefined);
    return [];
  } catch (error) {
    if (!(error instanceof EdFiError)) throw error;
    return Object.keys(error.problem.validationErrors ?? {});
  }
}

interface Schema {
  type?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  maxLength?: number;
  pattern?: string;
  format?: string;
  maximum?: number;
  minimum?: number;
}
type Json = Record<string, unknown>;

interface Mutation {
  what: string;
  path: string;
  apply: (document: Json) => void;
}

/** What may be spoiled in this document, a field and a keyword each. */
function mutationsOf(
  schema: Schema,
  node: unknown,
  path: string,
  reach: (document: Json) => Json,
  isOnlyElement = false,
): Mutation[] {
  const found: Mutation[] = [];
  const object = node as Json;
  for (const [name, member] of Object.entries(schema.properties ?? {})) {
    if (object[name] === undefined) continue;
    const at = `${path}.${name}`;
    const put = (what: string, value: unknown): void => {
      found.push({
        what: `${what} ${at}`,
        path: at,
        apply: (document) => void (reach(document)[name] = value),
      });
    };
    // An array that is left with empty objects says nothing, and is dropped.
    const leavesNothing = isOnlyElement && Object.keys(object).length === 1;
    if (schema.required?.includes(name) === true && !leavesNothing) {
      found.push({
        what: `without ${at}`,
        path: at,
        apply: (document) => Reflect.deleteProperty(reach(document), name),
      });
    }
    if (schema.required?.includes(name) === true) put('null', null);
    if (member.type === 'array') {
      put('a word for the array', 'x');
      const [first, ...others] = object[name] as unknown[];
      if (typeof first === 'object' && first !== null && member.items !== undefined) {
        found.push(
          ...mutationsOf(
            member.items,
            first,
            `${at}[0]`,
            (document) => (reach(document)[name] as [Json])[0],
            others.length === 0,
          ),
        );
      }
    } else if (member.type === 'object') {
      put('a word for the object', 'x');
      found.push(...mutationsOf(member, object[name], at, (document) => reach(document)[name] as Json));
    } else {
      put('an object for the value', { a: 1 });
      if (member.type === 'string') put('a number for the string', 7);
      else put('a word for the value', 'x');
      if (member.maxLength !== undefined) put('too long', 'x'.repeat(member.maxLength + 1));
      if (member.pattern !== undefined) put('empty', '');
      if (member.format !== undefined) put('no such time', '2020-13-45');
      if (member.maximum !== undefined) put('too large', member.maximum + 1);
      if (member.minimum !== undefined) put('too small', member.minimum - 1);
    }
  }
  return found;
}

describe.skipIf(isAbsent(schemaFile))(`the documents beside ${schemaFile}`, () => {
  test('all documents of the schema pass strict validation, and are stored as they were spelled', async () => {
    const lines = await readLines();
    expect(lines).toHaveLength(17_912);
    const refused = lines.filter((line) => refusedPaths(line).length > 0);
    expect(refused.slice(0, 3)).toEqual([]);
    const rewritten = lines.filter(
      ({ resource, text }) => documents.read(Buffer.from(text), resource, undefined).body !== text,
    );
    expect(rewritten.slice(0, 3)).toEqual([]);
  }, 60_000);

  test('a document with a spoiled field is refused at that field', async () => {
    const seen = new Set<string>();
    let count = 0;
    const wrong: string[] = [];
    for (const { resource, text } of await readLines()) {
      const schema = resource.jsonSchema as Schema;
      const mutations = mutationsOf(schema, JSON.parse(text), '$', (document) => document);
      for (const { what, path, apply } of mutations) {
        // Each kind of fault once for a field of a resource: descriptors are all alike, so of those only some.
        const key = `${resource.endpoint} ${what}`;
        if (seen.has(key) || (resource.isDescriptor && seen.size > 1_200)) continue;
        seen.add(key);
        const document = JSON.parse(text) as Json;
        apply(document);
        const paths = refusedPaths({ resource, text: JSON.stringify(document) });
        count++;
        if (paths.length !== 1 || paths[0] !== path) wrong.push(`${key}: ${paths.join(', ') || 'accepted'}`);
      }
    }
    console.info(`${count} spoiled documents`);
    expect(wrong.slice(0, 20)).toEqual([]);
    expect(count).toBeGreaterThan(2_000);
  }, 60_000);
});
