/**
 * Adapts a document to its schema, as the Ed-Fi API does. Unknown members, nulls and empty arrays are dropped.
 * Strings that spell a number or a boolean are converted. Dates become ISO dates.
 */
import { isDate, utcSecond } from '@sluice/server/profile';
import type { Resource } from 'sluice/model';
import { rulesOf } from '../model/api-rules.ts';

interface Shape {
  members: ReadonlyMap<string, Shape> | null;
  /** Whether other members are dropped. */
  isClosed: boolean;
  items: Shape | null;
  fit: ((text: string) => unknown) | null;
}

type JsonObject = Record<string, unknown>;

const shapes = new WeakMap<Resource, Shape>();

/** Members that a GET adds, and a client may send back. */
const ownMembers: ReadonlySet<string> = new Set(['id', '_etag', '_lastModifiedDate']);

/** Changes the document in place. Returns whether anything was changed. */
export function fitDocument(resource: Resource, document: JsonObject): boolean {
  let shape = shapes.get(resource);
  if (shape === undefined) {
    shape = compile(resource.jsonSchema ?? {}, '$', resource);
    shapes.set(resource, shape);
  }
  let hasChanged = false;
  for (const name of ownMembers) {
    if (Object.hasOwn(document, name) && shape.members?.has(name) !== true) {
      delete document[name];
      hasChanged = true;
    }
  }
  return fitObject(document, shape) || hasChanged;
}

/** An empty array, or one of objects that contain only such arrays. */
function isEmptyArray(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.every((element) => isObject(element) && Object.values(element).every(isEmptyArray))
  );
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function fitObject(object: JsonObject, { members, isClosed }: Shape): boolean {
  if (members === null) return false;
  let hasChanged = false;
  for (const name of Object.keys(object)) {
    const shape = members.get(name);
    if (shape === undefined ? isClosed : object[name] === null || isEmptyArray(object[name])) {
      delete object[name];
      hasChanged = true;
    } else if (shape !== undefined) {
      const value = object[name];
      const fitted = fitValue(value, shape);
      if (fitted === unchanged) continue;
      if (fitted !== changedInside) object[name] = fitted;
      hasChanged = true;
    }
  }
  return hasChanged;
}

const unchanged = Symbol('unchanged');
const changedInside = Symbol('changed inside');

function fitValue(value: unknown, shape: Shape): unknown {
  if (typeof value === 'string') {
    if (shape.fit === null) return unchanged;
    const fitted = shape.fit(value);
    return fitted === value ? unchanged : fitted;
  }
  if (typeof value !== 'object' || value === null) return unchanged;
  if (!Array.isArray(value)) return fitObject(value as JsonObject, shape) ? changedInside : unchanged;
  const { items } = shape;
  if (items === null) return unchanged;
  let result: symbol = unchanged;
  for (let index = 0; index < value.length; index++) {
    const fitted = fitValue(value[index], items);
    if (fitted === unchanged) continue;
    if (fitted !== changedInside) value[index] = fitted;
    result = changedInside;
  }
  return result;
}

function compile(schema: object, path: string, resource: Resource): Shape {
  const { properties, items, additionalProperties } = schema as {
    properties?: Record<string, object>;
    items?: object;
    additionalProperties?: unknown;
  };
  return {
    members:
      properties === undefined
        ? null
        : new Map(
            Object.entries(properties).map(([name, member]) => [
              name,
              compile(member, `${path}.${name}`, resource),
            ]),
          ),
    isClosed: additionalProperties === false,
    items: items === undefined ? null : compile(items, `${path}[*]`, resource),
    fit: fitOf(schema, path, resource),
  };
}

function fitOf(schema: object, path: string, resource: Resource): Shape['fit'] {
  const { numericPaths, booleanPaths } = resource;
  if (numericPaths.includes(path)) return spelledNumber;
  if (booleanPaths.includes(path)) return spelledBoolean;
  // An invalid time stays unchanged, and its format is refused later.
  if (rulesOf(resource).dateTimePaths.includes(path)) return (text) => utcTime(text) ?? text;
  if ((schema as { format?: unknown }).format === 'date') return isoDate;
  if (path === '$.codeValue' || path === '$.shortDescription') return (text) => text.trim();
  return null;
}

/** A number that would lose digits stays a string, and is refused later. */
function spelledNumber(text: string): unknown {
  if (!/^\s*[+-]?\d+(\.\d+)?\s*$/.test(text)) return text;
  const number = Number(text);
  const isExact = text.includes('.') ? text.replaceAll(/\D/g, '').length <= 15 : Number.isSafeInteger(number);
  return isExact ? number : text;
}

function spelledBoolean(text: string): unknown {
  const word = text.trim().toLowerCase();
  return word === 'true' ? true : word === 'false' ? false : text;
}

/** `5/1/2009` as `2009-05-01`; any other text unchanged. */
function isoDate(text: string): string {
  const [, month, day, year] = /^(\d{1,2})\/(\d{1,2})\/(\d{4})$/.exec(text) ?? [];
  return month === undefined || day === undefined
    ? text
    : `${year}-${month.padStart(2, '0')}-${day.padStart(2, '0')}`;
}

/** A date, or a time with or without a zone, as a time in UTC to the second; null: the calendar does not have it. */
export function utcTime(text: string): string | null {
  const date = isoDate(text);
  if (isDate(date)) return `${date}T00:00:00Z`;
  return utcSecond(text, 'optional');
}
