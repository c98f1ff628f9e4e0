/**
 * Elements of an array are identified by some of their values. A schema may list these; otherwise they are the
 * required members, without decimals, which never identify anything.
 */
import { canonicalJson, foldCase, type Resource } from 'sluice/model';
import { rulesOf } from '../model/api-rules.ts';
import { stepsOf } from './places.ts';
import type { ValidationErrors } from './problem.ts';
import { addError } from './schema-faults.ts';

interface UniquenessRule {
  /** Path of the array: names, and `*` through outer arrays. */
  array: readonly string[];
  /** Paths from an element to each identifying value; none: the whole element. */
  picks: readonly (readonly string[])[];
  /** All identifying values belong to references. */
  isOfReferences: boolean;
}

const rules = new WeakMap<Resource, readonly UniquenessRule[]>();

/** A repeated reference is reported alone; otherwise the first repeated element of each array. */
export function uniquenessFaults(resource: Resource, document: unknown): ValidationErrors {
  let compiled = rules.get(resource);
  if (compiled === undefined) {
    compiled = compile(resource);
    rules.set(resource, compiled);
  }
  const ofReferences: ValidationErrors = {};
  const ofValues: ValidationErrors = {};
  for (const rule of compiled) {
    visit(rule, document, 0, '$', rule.isOfReferences ? ofReferences : ofValues);
  }
  return Object.keys(ofReferences).length > 0 ? ofReferences : ofValues;
}

function visit(
  rule: UniquenessRule,
  node: unknown,
  depth: number,
  path: string,
  errors: ValidationErrors,
): void {
  const step = rule.array[depth];
  if (step === undefined) return compare(rule, node, path, errors);
  if (step === '*') {
    if (Array.isArray(node))
      node.forEach((element, index) => visit(rule, element, depth + 1, `${path}[${index}]`, errors));
  } else if (typeof node === 'object' && node !== null) {
    visit(rule, (node as Record<string, unknown>)[step], depth + 1, `${path}.${step}`, errors);
  }
}

function compare(rule: UniquenessRule, elements: unknown, path: string, errors: ValidationErrors): void {
  if (!Array.isArray(elements) || elements.length < 2) return;
  const seen = new Set<string>();
  for (let index = 0; index < elements.length; index++) {
    const values =
      rule.picks.length === 0
        ? [fold(elements[index], '')]
        : rule.picks.map((steps) => pick(elements[index], steps));
    if (values.every((value) => value === undefined)) continue;
    const key = canonicalJson(values.map((value) => value ?? null));
    if (seen.size < seen.add(key).size) continue;
    const name = rule.array.findLast((step) => step !== '*') ?? '';
    addError(
      errors,
      path,
      `The ${ordinal(index + 1)} item of the ${name} has the same identifying values as another item earlier in the list.`,
    );
    return;
  }
}

function pick(element: unknown, steps: readonly string[]): unknown {
  let here = element;
  for (const step of steps) {
    if (typeof here !== 'object' || here === null) return undefined;
    here = (here as Record<string, unknown>)[step];
  }
  return fold(here, steps.at(-1) ?? '');
}

/** Descriptors are compared without case. */
function fold(value: unknown, name: string): unknown {
  if (typeof value === 'string') return name.endsWith('Descriptor') ? foldCase(value) : value;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, fold(member, key)]));
}

function ordinal(number: number): string {
  const isTeen = number % 100 >= 11 && number % 100 <= 13;
  const suffix = isTeen ? 'th' : (['th', 'st', 'nd', 'rd'][number % 10] ?? 'th');
  return `${number}${suffix}`;
}

function compile(resource: Resource): UniquenessRule[] {
  const { arrayUniqueness } = rulesOf(resource);
  if (arrayUniqueness.length === 0) return inferred(resource.jsonSchema ?? {}, []);
  return arrayUniqueness.flatMap((paths) => {
    const [first = []] = paths.map(stepsOf);
    const end = first.lastIndexOf('*');
    if (end < 0) return [];
    const picks = paths.map((path) => stepsOf(path).slice(end + 1));
    return [{ array: first.slice(0, end), picks, isOfReferences: picks.every(isOfReference) }];
  });
}

function isOfReference([first = '']: readonly string[]): boolean {
  return first.endsWith('Reference');
}

interface Schema {
  type?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
}

function inferred(schema: Schema, way: readonly string[]): UniquenessRule[] {
  const found: UniquenessRule[] = [];
  if (schema.type === 'array' && schema.items !== undefined) {
    const { required = [], properties = {} } = schema.items;
    const identifying = required.filter(
      (name) => !['number', 'array'].includes(properties[name]?.type ?? ''),
    );
    const picks = (identifying.length > 0 ? identifying : required).map((name) => [name]);
    found.push({ array: way, picks, isOfReferences: picks.length > 0 && picks.every(isOfReference) });
    found.push(...inferred(schema.items, [...way, '*']));
  }
  for (const [name, member] of Object.entries(schema.properties ?? {})) {
    found.push(...inferred(member, [...way, name]));
  }
  return found;
}
