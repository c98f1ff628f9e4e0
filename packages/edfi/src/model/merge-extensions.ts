/** Adds the extensions of a schema to the resources of its core. */
import { modelFault, type ResourceDefinition } from 'sluice/model';
import { rulesOf, type ApiRules } from './api-rules.ts';

export interface EdFiResource extends ResourceDefinition {
  readonly rules: ApiRules;
}

/** A resource of an extension that extends one of the core; {@link mergeExtensions} makes one resource of both. */
export interface ResourceExtension {
  readonly name: string;
  readonly addition: EdFiResource;
}

/**
 * Adds to each extended resource what its extensions define: references, constraints, and members of the schema. Each
 * extension has its own object under `_ext`. Extensions are sorted by project name, so the order of the files does
 * not matter.
 */
export function mergeExtensions(
  resources: readonly ResourceDefinition[],
  extensions: readonly ResourceExtension[],
): ResourceDefinition[] {
  const merged = [...resources];
  const sorted = [...extensions].sort((a, b) => (a.addition.project < b.addition.project ? -1 : 1));
  for (const { name, addition } of sorted) {
    const index = merged.findIndex(
      (resource) => resource.name === name && resource.project !== addition.project,
    );
    const current = merged[index];
    if (current === undefined) {
      throw modelFault(
        `${addition.at}.resourceName`,
        `names no resource to extend: '${name}'`,
        addition.source,
      );
    }
    merged[index] = {
      ...current,
      references: [...current.references, ...addition.references],
      numericPaths: [...current.numericPaths, ...addition.numericPaths],
      booleanPaths: [...current.booleanPaths, ...addition.booleanPaths],
      equalityConstraints: [...current.equalityConstraints, ...addition.equalityConstraints],
      queryFields: [...current.queryFields, ...addition.queryFields],
      rules: mergeRules(rulesOf(current), addition.rules),
      jsonSchema: mergeSchema(current.jsonSchema, addition.jsonSchema),
    };
  }
  return merged;
}

function mergeRules(base: ApiRules, addition: ApiRules): ApiRules {
  return {
    ...base,
    decimals: [...base.decimals, ...addition.decimals],
    dateTimePaths: [...base.dateTimePaths, ...addition.dateTimePaths],
    arrayUniqueness: [...base.arrayUniqueness, ...addition.arrayUniqueness],
  };
}

type JsonObject = Record<string, unknown>;

/** Merges the members of both `properties`; `_ext` is one object with the members of both. */
function mergeSchema(base: object | null, addition: object | null): object | null {
  if (base === null || addition === null) return base ?? addition;
  const properties = objectAt(base, 'properties');
  const added = objectAt(addition, 'properties');
  const merged: JsonObject = { ...properties, ...added };
  const [one, other] = [objectAt(properties, '_ext'), objectAt(added, '_ext')];
  if (Object.keys(one).length > 0 && Object.keys(other).length > 0) merged['_ext'] = mergeSchema(one, other);
  return { ...base, properties: merged };
}

function objectAt(object: object, key: string): JsonObject {
  const value = (object as JsonObject)[key];
  return typeof value === 'object' && value !== null ? (value as JsonObject) : {};
}
