/** `GET` of a resource: a page of it, filtered by the fields that its schema names. */
import { isTime, type ListRequest, type Query } from '@sluice/server/profile';
import type { DocumentFilter } from 'sluice/internal/client';
import { foldCase, idOfIdentity, idOfReference, type ReferenceRule, type Resource } from 'sluice/model';
import { utcTime } from './fit-document.ts';
import { schemaAt, stepsOf } from './places.ts';
import { badRequest, dataValidation, EdFiError, type ValidationErrors } from './problem.ts';
import { addError } from './schema-faults.ts';

const pageNames = new Map([
  ['limit', 'limit'],
  ['offset', 'offset'],
  ['totalcount', 'totalCount'],
]);

/** @throws {EdFiError} `invalid_request` */
export function readListQuery(resource: Resource, query: Query, limitMax: number): ListRequest {
  const page: Record<string, string> = {};
  const terms: [string, string][] = [];
  const names = new Map<string, string>();
  for (const [name, value = ''] of Object.entries(query)) {
    const folded = name.toLowerCase();
    const first = names.get(folded) ?? name;
    // Each repetition of a field with several places would multiply the parts of the filter.
    if (names.has(folded) || Array.isArray(value))
      throw new EdFiError(
        'invalid_request',
        badRequest(`The query field '${first}' is given more than once.`),
      );
    names.set(folded, name);
    const known = pageNames.get(folded);
    if (known === undefined) terms.push([name, value]);
    else page[known] = value;
  }
  const request = readPage(page, limitMax);
  return terms.length === 0 ? request : { ...request, filter: readTerms(resource, terms) };
}

function readPage({ limit, offset, totalCount }: Record<string, string>, limitMax: number): ListRequest {
  const errors: string[] = [];
  const read = (text: string | undefined, fallback: number, max: number, message: string): number => {
    if (text === undefined) return fallback;
    const number = /^\s*\+?\d{1,10}\s*$/.test(text) ? Number(text) : NaN;
    if (!(number <= max)) errors.push(message);
    return number;
  };
  const request = {
    offset: read(offset, 0, 2 ** 31 - 1, 'Offset must be a numeric value greater than or equal to 0.'),
    limit: read(
      limit,
      limitMax,
      limitMax,
      `Limit must be omitted or set to a numeric value between 0 and ${limitMax}.`,
    ),
    totalCount: totalCount?.trim().toLowerCase() === 'true',
  };
  if (totalCount !== undefined && !/^\s*(true|false)\s*$/i.test(totalCount))
    errors.push('TotalCount must be a boolean value.');
  if (errors.length > 0) throw new EdFiError('invalid_request', badRequest(...errors));
  return request;
}

function readTerms(resource: Resource, terms: readonly [string, string][]): DocumentFilter {
  const errors: ValidationErrors = {};
  /** By path, for fields with one place. */
  const given = new Map<string, string>();
  let contains: object[] = [{}];
  const folded: DocumentFilter['folded'] = [];

  for (const [name, text] of terms) {
    const field = resource.queryFields.find((known) => known.name.toLowerCase() === name.toLowerCase());
    const [first] = field?.paths ?? [];
    if (field === undefined || first === undefined) {
      throw new EdFiError(
        'invalid_request',
        badRequest(`The query field '${name}' is not valid for this resource.`),
      );
    }
    const value = readValue(first.type, text);
    if (value === null) {
      addError(errors, first.path, `The value '${text}' is not valid for ${name}.`);
      continue;
    }
    if (field.paths.length === 1) given.set(first.path, value);
    if (field.paths.length === 1 && first.path.endsWith('Descriptor') && !first.path.includes('[*]')) {
      folded.push({ path: stepsOf(first.path), value: foldCase(value) });
    } else {
      // A field with several places matches any of them.
      contains = contains.flatMap((part) =>
        field.paths.map(({ path }) => withValue(part, stepsOf(path), typed(resource, path, value))),
      );
    }
  }
  if (Object.keys(errors).length > 0) throw new EdFiError('invalid_request', dataValidation(errors));
  return { contains, folded, referentialIds: idsGiven(resource, given) };
}

/** The text in the spelling of documents; null: it is not of that type. */
function readValue(type: string, text: string): string | null {
  switch (type) {
    case 'boolean':
      return /^\s*(true|false)\s*$/i.test(text) ? text.trim().toLowerCase() : null;
    case 'number':
      return /^\s*[+-]?\d{1,15}(\.\d{1,15})?\s*$/.test(text) ? String(Number(text)) : null;
    case 'date':
      return utcTime(text.trim())?.slice(0, 10) ?? null;
    case 'date-time':
      return utcTime(text.trim());
    case 'time':
      return isTime(text, 'optional') ? text : null;
    default:
      // No stored text has a NUL, and PostgreSQL takes no query with one.
      return text.includes('\0') ? null : text;
  }
}

/** By the type of the schema, because the query mapping calls some numbers strings. */
function typed(resource: Resource, path: string, value: string): unknown {
  const type = schemaAt(resource.jsonSchema, path)?.['type'];
  if ((type === 'integer' || type === 'number') && value.trim() !== '' && Number.isFinite(Number(value))) {
    return Number(value);
  }
  if (type === 'boolean' && /^(true|false)$/i.test(value)) return value.toLowerCase() === 'true';
  return value;
}

/** The part with one more value in it. */
function withValue(part: unknown, [step, ...rest]: readonly string[], value: unknown): object {
  if (step === '*') return [rest.length === 0 ? value : withValue({}, rest, value)];
  const object = (part ?? {}) as Record<string, unknown>;
  return { ...object, [step!]: rest.length === 0 ? value : withValue(object[step!], rest, value) };
}

/**
 * A search for a whole identity, the document's own or a referenced one, uses an index that writes maintain anyway.
 * Ids are exact, and all values are still compared, so this only narrows the search.
 */
function idsGiven(resource: Resource, given: ReadonlyMap<string, string>): string[] {
  const ids = new Set<string>();
  const identity = valuesOf(resource.identityPaths, given);
  if (!resource.isDescriptor && identity !== null && isFolded(resource.identity.values)) {
    ids.add(idOfIdentity(resource, identity));
  }
  for (const rule of resource.references) {
    if (rule.arrays.length > 0 || !isFolded(rule.values)) continue;
    const values = valuesOf(
      rule.paths.map(({ path }) => path),
      given,
    );
    if (values !== null) ids.add(idOfReference(rule, values));
  }
  return [...ids];
}

/** In the older layout, ids depend on the case of descriptors, but a search does not. */
function isFolded(values: ReferenceRule['values']): boolean {
  return values.every((value) => value.isFolded || !value.identityPath.endsWith('Descriptor'));
}

function valuesOf(paths: readonly string[], given: ReadonlyMap<string, string>): string[] | null {
  const values = paths.map((path) => given.get(path));
  return values.every((value) => value !== undefined) ? values : null;
}
