/**
 * Computes the identity and the references of a document. Every node does this for every write, from the document
 * alone, so nothing here is parsed, matched or looked up twice.
 */
import { foldCase } from './fold-case.ts';
import { ModelError } from './model-error.ts';
import type { CompiledValue, ReferenceRule, Resource } from './model.ts';
import { uuidOfName, uuidOfReferredName, type IdentityElement } from './referential-id.ts';

export interface DocumentDescription {
  /** In the order of the resource's identity paths. */
  readonly identity: readonly IdentityElement[];
  readonly referentialId: string;
  /** The second name of a document whose resource has a superclass; both null for any other. */
  readonly superclassId: string | null;
  readonly superclassIdentity: readonly IdentityElement[] | null;
  /** One for each distinct document, at the first place that refers to it. */
  readonly references: readonly DocumentReference[];
}

export interface DocumentReference {
  readonly referentialId: string;
  /** Resource referred to, e.g. `School`; it may be abstract. */
  readonly resource: string;
  readonly project: string;
  readonly isDescriptor: boolean;
  /** Place in this document: `$.sections[2].sectionReference`, `$.gradeLevels[0].gradeLevelDescriptor`. */
  readonly path: string;
  /** Of the document referred to, in the order of its resource. */
  readonly identity: readonly IdentityElement[];
}

type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Describes a parsed document.
 * @throws {ModelError} `identity_missing` if an identifying value is missing; `invalid_document` if a reference lacks
 *   one of its values, or the document does not have the shape that the model's paths require
 */
export function describeDocument(resource: Resource, document: unknown): DocumentDescription {
  const body = asObject(document, '$');
  const identity = resource.isDescriptor ? descriptorIdentity(resource, body) : ownIdentity(resource, body);
  const { values, superclassParts, superclassPaths } = resource.identity;

  let name = '';
  let superclassName = '';
  for (let index = 0; index < identity.length; index++) {
    const { value } = identity[index]!;
    if (value.includes('#$')) demandUnambiguous(resource, index, value);
    name += values[index]!.part + value;
    if (superclassParts !== null) superclassName += superclassParts[index]! + value;
  }
  return {
    identity,
    referentialId: uuidOfName(name),
    superclassId: superclassParts === null ? null : uuidOfName(superclassName),
    superclassIdentity:
      superclassPaths && identity.map(({ value }, index) => ({ path: superclassPaths[index]!, value })),
    references: referencesOf(resource, body),
  };
}

/**
 * Refuses an identifying value that contains the beginning of the next one. The text that is hashed to a
 * referentialId quotes nothing. Such a value would give two identities one text, and one document would replace the
 * other.
 */
function demandUnambiguous(resource: Resource, index: number, value: string): void {
  const { values } = resource.identity;
  const isAmbiguous = values.some(({ part }, place) => place > 0 && value.includes(part));
  if (isAmbiguous)
    throw invalid(`$${values[index]!.text}`, 'contains the text that separates identifying values');
}

function ownIdentity(resource: Resource, body: JsonObject): IdentityElement[] {
  return resource.identity.values.map((wanted) => {
    const value = textAt(body, wanted, '$');
    if (value === null) throw identityMissing(resource, `$${wanted.text}`);
    return { path: wanted.identityPath, value };
  });
}

function descriptorIdentity(resource: Resource, body: JsonObject): IdentityElement[] {
  const { namespace, codeValue } = body;
  if (typeof namespace !== 'string') throw identityMissing(resource, '$.namespace');
  if (typeof codeValue !== 'string') throw identityMissing(resource, '$.codeValue');
  return [{ path: resource.identity.values[0]!.identityPath, value: foldCase(`${namespace}#${codeValue}`) }];
}

function identityMissing(resource: Resource, path: string): ModelError {
  return new ModelError('identity_missing', `Cannot identify the ${resource.name}: ${path} is missing`, path);
}

function referencesOf(resource: Resource, body: JsonObject): DocumentReference[] {
  const found: DocumentReference[] = [];
  // Equal texts mean equal documents, so a repeated reference is not hashed again.
  const seen = new Set<string>();
  visitPlaces(resource, body, (rule, node, path) => {
    const reference = referenceAt(rule, node, path, seen);
    if (reference !== null) found.push(reference);
  });
  return found;
}

/** A place in a document that may hold a reference by this rule: below `node`, which is at `path`. */
type Visit = (rule: ReferenceRule, node: unknown, path: string) => void;

/** Visits every place that may hold a reference, in the order of the model's rules. */
export function visitPlaces(resource: Resource, document: unknown, visit: Visit): void {
  for (const rule of resource.references) visitBelow(rule, 0, document, '$', visit);
}

/** The places below `node`, which is the document itself or an element of the rule's array number `depth`. */
function visitBelow(rule: ReferenceRule, depth: number, node: unknown, path: string, visit: Visit): void {
  const array = rule.arrays[depth];
  if (array === undefined) return visit(rule, node, path);
  const elements = walk(node, array.steps, path);
  if (elements === undefined || elements === null) return;
  if (!Array.isArray(elements)) throw invalid(path + array.text, 'is not an array');
  for (let index = 0; index < elements.length; index++) {
    visitBelow(rule, depth + 1, elements[index], `${path}${array.text}[${index}]`, visit);
  }
}

/** Null if the reference is absent, which is always allowed, or was already seen. */
export function referenceAt(
  rule: ReferenceRule,
  node: unknown,
  path: string,
  seen: Set<string>,
): DocumentReference | null {
  const { steps, text } = rule.holder;
  const holder = walk(node, steps, path);
  if (holder === undefined || holder === null) return null;

  const { values } = rule;
  const at = path + text;
  const identity: IdentityElement[] = [];
  let name = '';
  let missing: CompiledValue | null = null;
  for (const wanted of values) {
    const value = textAt(holder, wanted, at);
    if (value === null) {
      missing ??= wanted;
      continue;
    }
    name += wanted.part + value;
    identity.push({ path: wanted.identityPath, value });
  }
  if (identity.length === 0) return null;
  if (missing !== null) throw invalid(at + missing.text, 'is missing');
  if (seen.has(name)) return null;
  seen.add(name);
  return {
    referentialId: uuidOfReferredName(name),
    resource: rule.name,
    project: rule.project,
    isDescriptor: rule.isDescriptor,
    path: at,
    identity,
  };
}

/** The text of an identifying value; null if it is absent. */
function textAt(node: unknown, wanted: CompiledValue, path: string): string | null {
  const value = walk(node, wanted.steps, path);
  switch (typeof value) {
    case 'string':
      return wanted.isFolded ? foldCase(value) : value;
    case 'number':
      // Beyond 2^53, parsing may have changed digits, and one document would be taken for another.
      if (Number.isInteger(value) && !Number.isSafeInteger(value))
        throw invalid(path + wanted.text, 'is too large');
      return String(value);
    case 'boolean':
      return String(value);
    case 'undefined':
      return null;
    default:
      if (value === null) return null;
      throw invalid(path + wanted.text, 'is not a single value');
  }
}

/** The value at the end of the steps; undefined if there is none. */
export function walk(node: unknown, steps: readonly string[], path: string): unknown {
  let here = node;
  for (let index = 0; index < steps.length; index++) {
    if (here === undefined || here === null) return undefined;
    if (typeof here !== 'object' || Array.isArray(here)) {
      throw invalid([path, ...steps.slice(0, index)].join('.'), 'is not an object');
    }
    here = (here as JsonObject)[steps[index]!];
  }
  return here;
}

function asObject(node: unknown, path: string): JsonObject {
  if (typeof node === 'object' && node !== null && !Array.isArray(node)) return node as JsonObject;
  throw invalid(path, 'is not an object');
}

function invalid(path: string, what: string): ModelError {
  return new ModelError('invalid_document', `Cannot read the document: ${path} ${what}`, path);
}
