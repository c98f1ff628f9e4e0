/**
 * The common result of reading each form of a model file: plain data, complete and checked, before anything is
 * compiled. The hash of the model is computed from it.
 */
import { ModelError } from './model-error.ts';

export interface ResourceName {
  readonly project: string;
  readonly name: string;
}

/** One value of a reference: the identity path in the resource referred to, and the path in the referring document. */
export interface PathPair {
  readonly identity: string;
  readonly path: string;
}

export interface ReferenceDefinition {
  readonly target: ResourceName;
  readonly paths: readonly PathPair[];
  /** Place in the file, for error messages: `resources[2].references[0]`. */
  readonly at: string;
}

export interface SuperclassDefinition extends ResourceName {
  /** Path of the first identity element in the superclass; null: the same path. */
  readonly renamedTo: string | null;
}

export interface EqualityConstraint {
  readonly source: string;
  readonly target: string;
}

/** A query field of a list of documents, and its places in a document. */
export interface QueryField {
  readonly name: string;
  readonly paths: readonly { readonly path: string; readonly type: string }[];
}

/** A data model that a file describes for clients of an API: a core, or an extension of one. */
export interface ProjectInfo {
  readonly name: string;
  /** First part of its endpoints, e.g. `shop`. */
  readonly endpoint: string;
  readonly version: string;
  readonly description: string;
}

export interface ResourceDefinition extends ResourceName {
  readonly endpoint: string;
  readonly isDescriptor: boolean;
  readonly allowIdentityUpdates: boolean;
  readonly identityPaths: readonly string[];
  readonly references: readonly ReferenceDefinition[];
  readonly superclass: SuperclassDefinition | null;
  readonly jsonSchema: object | null;
  /** Paths where a string that spells a number or a boolean stands for it. */
  readonly numericPaths: readonly string[];
  readonly booleanPaths: readonly string[];
  /** Pairs of paths that must hold equal values. */
  readonly equalityConstraints: readonly EqualityConstraint[];
  /** Query fields of a list. They do not affect any document, so the model's hash leaves them out. */
  readonly queryFields: readonly QueryField[];
  /** Further rules of a format, for its own profile. Null: none. */
  readonly rules: object | null;
  readonly at: string;
  readonly source: string;
}

/** A resource without documents of its own: only its subclasses have documents. It has an identity, and no endpoint. */
export interface AbstractDefinition extends ResourceName {
  readonly identityPaths: readonly string[];
}

export interface ModelDefinition {
  readonly abstracts: readonly AbstractDefinition[];
  readonly resources: readonly ResourceDefinition[];
  /** Projects that the files describe. The native form describes none. */
  readonly projects: readonly ProjectInfo[];
}

/** The one identity path of every descriptor: its value is `namespace#codeValue` in lower case. */
export const DESCRIPTOR_PATH = '$.descriptor';

export function modelFault(at: string, what: string, source: string): ModelError {
  return new ModelError('invalid_model', `Cannot read the model: ${at} ${what} (${source})`, at);
}

/** The beginning of the text of an id: project and name without a separator. */
const spellingOf = ({ project, name }: ResourceName): string => project + name;

export const keyOf = (resource: ResourceName): string => `${resource.project}/${resource.name}`;

/** Throws at the first name, path or endpoint that does not fit the rest of the model. */
export function checkDefinition(definition: ModelDefinition): void {
  const identities = new Map<string, readonly string[]>();
  const endpoints = new Map<string, ResourceDefinition>();
  for (const abstract of definition.abstracts) identities.set(keyOf(abstract), abstract.identityPaths);
  const spelled = new Map(
    definition.abstracts.map((abstract) => [spellingOf(abstract), abstract as ResourceName]),
  );

  for (const resource of definition.resources) {
    const { at, source } = resource;
    const endpoint = resource.endpoint.toLowerCase();
    const other = endpoints.get(endpoint);
    if (other !== undefined) {
      throw modelFault(
        `${at}.endpoint`,
        `is already the endpoint of '${keyOf(other)}': '${resource.endpoint}'`,
        source,
      );
    }
    endpoints.set(endpoint, resource);
    if (identities.has(keyOf(resource))) {
      throw modelFault(`${at}.name`, `is the name of another resource: '${keyOf(resource)}'`, source);
    }
    identities.set(keyOf(resource), resource.identityPaths);
    const twin = spelled.get(spellingOf(resource));
    if (twin !== undefined) {
      throw modelFault(`${at}.name`, `is spelled like '${keyOf(twin)}' in ids: '${keyOf(resource)}'`, source);
    }
    spelled.set(spellingOf(resource), resource);
  }

  for (const resource of definition.resources) {
    for (const reference of resource.references) checkReference(resource, reference, identities);
    checkSuperclass(resource, identities);
  }
}

function checkReference(
  resource: ResourceDefinition,
  reference: ReferenceDefinition,
  identities: ReadonlyMap<string, readonly string[]>,
): void {
  const { at, target } = reference;
  const identity = identities.get(keyOf(target));
  if (identity === undefined)
    throw modelFault(`${at}.resource`, `names no resource: '${target.name}'`, resource.source);
  for (const path of identity) {
    const count = reference.paths.filter((pair) => pair.identity === path).length;
    if (count === 0)
      throw modelFault(`${at}.paths`, `leaves out '${path}' of '${target.name}'`, resource.source);
    if (count > 1)
      throw modelFault(`${at}.paths`, `gives '${path}' of '${target.name}' twice`, resource.source);
  }
  const unknown = reference.paths.find((pair) => !identity.includes(pair.identity));
  if (unknown !== undefined) {
    throw modelFault(
      `${at}.paths`,
      `names no identity path of '${target.name}': '${unknown.identity}'`,
      resource.source,
    );
  }
  const array = arrayOf(reference.paths[0]!.path);
  const elsewhere = reference.paths.find((pair) => arrayOf(pair.path) !== array);
  if (elsewhere !== undefined) {
    throw modelFault(`${at}.paths`, `lead through different arrays: '${elsewhere.path}'`, resource.source);
  }
}

/** The part of a path up to its last `[*]`. */
const arrayOf = (path: string): string => path.slice(0, path.lastIndexOf('[*]') + 1);

function checkSuperclass(
  resource: ResourceDefinition,
  identities: ReadonlyMap<string, readonly string[]>,
): void {
  const { superclass, source } = resource;
  if (superclass === null) return;
  const at = `${resource.at}.superclass`;
  const identity = identities.get(keyOf(superclass));
  if (identity === undefined)
    throw modelFault(`${at}.resource`, `names no resource: '${superclass.name}'`, source);
  const own = superclassPaths(resource.identityPaths, superclass);
  if (own.length !== identity.length || own.some((path, index) => path !== identity[index])) {
    throw modelFault(
      at,
      `gives '${own.join(', ')}' where '${superclass.name}' has '${identity.join(', ')}'`,
      source,
    );
  }
}

/** A subclass's identity paths in the spelling of its superclass: at most the first has another name. */
export function superclassPaths(
  identityPaths: readonly string[],
  superclass: SuperclassDefinition,
): readonly string[] {
  return superclass.renamedTo === null ? identityPaths : [superclass.renamedTo, ...identityPaths.slice(1)];
}
