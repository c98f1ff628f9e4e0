/**
 * A compiled model: each resource with its paths, found by endpoint or by name. Its hash covers all that decides ids,
 * references and validity, so nodes with the same hash agree on every document.
 */
import { hash } from 'node:crypto';
import { canonicalJson } from './canonical-json.ts';
import {
  checkDefinition,
  DESCRIPTOR_PATH,
  keyOf,
  superclassPaths,
  type EqualityConstraint,
  type ModelDefinition,
  type PathPair,
  type ProjectInfo,
  type QueryField,
  type ReferenceDefinition,
  type ResourceDefinition,
  type ResourceName,
} from './definition.ts';
import { commonSteps, cutPath, textOf, type Steps } from './path.ts';
import { nameParts, type ReferentialIdLayout } from './referential-id.ts';

export interface Model {
  /** SHA-256 of the canonical model, in hex: equal on every node that reads the same model. */
  readonly hash: string;
  readonly layout: ReferentialIdLayout;
  /** Name of the {@link ModelFormat} that has read some of its files; null: all files have the native form. */
  readonly format: string | null;
  /** Projects that its files describe. The native form describes none. */
  readonly projects: readonly ProjectInfo[];
  /** Sorted by endpoint. */
  readonly resources: readonly Resource[];
  /** Finds by endpoint, e.g. `shop/orders`, with or without a leading slash, in any case. */
  findEndpoint(endpoint: string): Resource | undefined;
  /** Finds by project `Shop` and name `Order`. Abstract resources are not found, because they have no documents. */
  findResource(project: string, name: string): Resource | undefined;
}

/** One kind of document. */
export interface Resource {
  readonly project: string;
  readonly name: string;
  /** `shop/orders`, as the model spells it. */
  readonly endpoint: string;
  readonly allowIdentityUpdates: boolean;
  readonly isDescriptor: boolean;
  readonly jsonSchema: object | null;
  readonly superclass: ResourceName | null;
  /** In the order that the referentialId uses. */
  readonly identityPaths: readonly string[];
  /** Paths where a string that spells a number or a boolean stands for it. */
  readonly numericPaths: readonly string[];
  readonly booleanPaths: readonly string[];
  /** Pairs of paths that must hold equal values. */
  readonly equalityConstraints: readonly EqualityConstraint[];
  /** Query fields of a list. */
  readonly queryFields: readonly QueryField[];
  /** Further rules of the model's format, for its own profile. Null: none. */
  readonly rules: object | null;
  /** Every place in a document that may refer to another document. */
  readonly references: readonly ReferenceRule[];
  /** How `describeDocument` reads the identity. */
  readonly identity: CompiledIdentity;
}

export interface ReferenceRule {
  /** Resource referred to; it may be abstract. */
  readonly project: string;
  readonly name: string;
  readonly isDescriptor: boolean;
  /** In the order of the target's identity. */
  readonly paths: readonly PathPair[];
  /** The way to each array that the paths pass through, outermost first, as steps and as text. */
  readonly arrays: readonly CompiledSteps[];
  /** From the document, or from the innermost array's element, to the object that holds the values. */
  readonly holder: CompiledSteps;
  /** From the holder to each value. */
  readonly values: readonly CompiledValue[];
}

export interface CompiledIdentity {
  readonly values: readonly CompiledValue[];
  /** The text before each value in the name that is hashed to the superclass id; null: no superclass. */
  readonly superclassParts: readonly string[] | null;
  readonly superclassPaths: readonly string[] | null;
}

export interface CompiledSteps {
  readonly steps: Steps;
  readonly text: string;
}

export interface CompiledValue extends CompiledSteps {
  /** Path of the value in the identity that it belongs to. */
  readonly identityPath: string;
  /** The text before the value in the name that is hashed to the referentialId. */
  readonly part: string;
  /** Descriptor values are compared without case. */
  readonly isFolded: boolean;
}

export function compileModel(
  definition: ModelDefinition,
  layout: ReferentialIdLayout = '2026',
  format: string | null = null,
): Model {
  checkDefinition(definition);
  const sorted = [...definition.resources].sort((a, b) => (a.endpoint < b.endpoint ? -1 : 1));
  const identityPathsOf = new Map(
    [...definition.abstracts, ...sorted].map(
      (resource) => [keyOf(resource), resource.identityPaths] as const,
    ),
  );
  const descriptors = new Set(sorted.filter((resource) => resource.isDescriptor).map(keyOf));

  const resources = sorted.map((resource): Resource => {
    const references = resource.references.map((reference) => {
      const key = keyOf(reference.target);
      return compileReference(reference, identityPathsOf.get(key)!, descriptors.has(key), layout);
    });
    const { superclass } = resource;
    return {
      project: resource.project,
      name: resource.name,
      endpoint: resource.endpoint,
      allowIdentityUpdates: resource.allowIdentityUpdates,
      isDescriptor: resource.isDescriptor,
      jsonSchema: resource.jsonSchema,
      superclass: superclass === null ? null : { project: superclass.project, name: superclass.name },
      identityPaths: resource.identityPaths,
      numericPaths: resource.numericPaths,
      booleanPaths: resource.booleanPaths,
      equalityConstraints: resource.equalityConstraints,
      queryFields: resource.queryFields,
      rules: resource.rules,
      references,
      identity: compileIdentity(resource, layout),
    };
  });

  const byEndpoint = new Map<string, Resource>();
  for (const resource of resources) {
    // Both as spelled and in lower case, so that the usual spelling takes one look-up.
    byEndpoint.set(resource.endpoint.toLowerCase(), resource).set(resource.endpoint, resource);
  }
  const byName = new Map(resources.map((resource) => [keyOf(resource), resource]));
  return {
    hash: hashOf(definition, sorted, layout),
    layout,
    format,
    projects: definition.projects,
    resources,
    findEndpoint(endpoint) {
      const bare = endpoint.startsWith('/') ? endpoint.slice(1) : endpoint;
      return byEndpoint.get(bare) ?? byEndpoint.get(bare.toLowerCase());
    },
    findResource: (project, name) => byName.get(keyOf({ project, name })),
  };
}

function compileIdentity(resource: ResourceDefinition, layout: ReferentialIdLayout): CompiledIdentity {
  const { project, name, identityPaths, superclass } = resource;
  const parts = nameParts(project, name, identityPaths, layout);
  const inherited = superclass === null ? null : superclassPaths(identityPaths, superclass);
  return {
    values: identityPaths.map((path, index) => compileValue(path, cutPath(path).rest, parts[index]!, layout)),
    superclassPaths: inherited,
    superclassParts:
      superclass === null || inherited === null
        ? null
        : nameParts(superclass.project, superclass.name, inherited, layout),
  };
}

function compileReference(
  reference: ReferenceDefinition,
  identityPaths: readonly string[],
  isDescriptor: boolean,
  layout: ReferentialIdLayout,
): ReferenceRule {
  const { project, name } = reference.target;
  const parts = nameParts(project, name, identityPaths, layout);
  const paths = identityPaths.map((identity) => reference.paths.find((pair) => pair.identity === identity)!);
  const cuts = paths.map((pair) => cutPath(pair.path));
  // A descriptor's value is the reference itself; any other reference is the object with the values.
  const holder = isDescriptor ? cuts[0]!.rest : commonSteps(cuts.map((cut) => cut.rest.slice(0, -1)));
  return {
    project,
    name,
    isDescriptor,
    paths,
    arrays: cuts[0]!.arrays.map((steps) => ({ steps, text: textOf(steps) })),
    holder: { steps: holder, text: textOf(holder) },
    values: cuts.map((cut, index) =>
      compileValue(identityPaths[index]!, cut.rest.slice(holder.length), parts[index]!, layout),
    ),
  };
}

/**
 * Descriptors are compared without case. In the 2026 layout, this includes a descriptor value in the identity of
 * another resource. Its path ends in `Descriptor`.
 */
function compileValue(
  identityPath: string,
  steps: Steps,
  part: string,
  layout: ReferentialIdLayout,
): CompiledValue {
  const isFolded =
    identityPath === DESCRIPTOR_PATH || (layout === '2026' && identityPath.endsWith('Descriptor'));
  return { steps, text: textOf(steps), identityPath, part, isFolded };
}

/** The hashed rules of a resource without any. Every database stores such a hash, so this must not change. */
const noRules = { arrayUniqueness: [], dateTimePaths: [], decimals: [], isSchoolYear: false };

function hashOf(
  definition: ModelDefinition,
  resources: readonly ResourceDefinition[],
  layout: ReferentialIdLayout,
): string {
  const abstracts = [...definition.abstracts].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  // Places of definitions are not part of the model, and query fields do not affect documents.
  const bare = resources.map((resource) => ({
    ...resource,
    at: undefined,
    source: undefined,
    queryFields: undefined,
    rules: resource.rules ?? noRules,
    references: resource.references.map((reference) => ({
      target: reference.target,
      paths: reference.paths,
    })),
  }));
  return hash('sha256', canonicalJson({ layout, abstracts, resources: bare }));
}
