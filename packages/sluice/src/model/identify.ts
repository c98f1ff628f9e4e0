/** Computes ids of documents from their identifying values alone, for searches. */
import { foldCase } from './fold-case.ts';
import type { CompiledValue, ReferenceRule, Resource } from './model.ts';
import { uuidOfName } from './referential-id.ts';

/** @param values In the order of the resource's identity paths. */
export function idOfIdentity(resource: Resource, values: readonly string[]): string {
  return idOf(resource.identity.values, values);
}

/** @param values In the order of the target's identity. */
export function idOfReference(rule: ReferenceRule, values: readonly string[]): string {
  return idOf(rule.values, values);
}

function idOf(wanted: readonly CompiledValue[], values: readonly string[]): string {
  let name = '';
  wanted.forEach(({ part, isFolded }, index) => {
    const value = values[index] ?? '';
    name += part + (isFolded ? foldCase(value) : value);
  });
  return uuidOfName(name);
}
