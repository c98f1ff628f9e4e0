/** Values that a document has in several places and that must agree, e.g. a section's school and its session's. */
import { foldCase, type Resource } from 'sluice/model';
import { placesAt } from './places.ts';
import type { ValidationErrors } from './problem.ts';
import { addError } from './schema-faults.ts';

export function equalityFaults(resource: Resource, document: unknown): ValidationErrors {
  const errors: ValidationErrors = {};
  for (const { source, target } of resource.equalityConstraints) {
    const values = new Map<unknown, string>();
    for (const path of [source, target]) {
      for (const { value } of placesAt(document, path)) {
        // Descriptors are compared without case.
        const key = typeof value === 'string' && path.endsWith('Descriptor') ? foldCase(value) : value;
        if (!values.has(key)) values.set(key, `'${String(value)}'`);
      }
    }
    if (values.size <= 1) continue;
    const conflicting = [...values.values()].join(', ');
    for (const path of [source, target]) {
      addError(
        errors,
        path,
        `All values supplied for '${path.slice(path.lastIndexOf('.') + 1)}' must match.` +
          " Review all references (including those higher up in the resource's data)" +
          ` and align the following conflicting values: ${conflicting}`,
      );
    }
  }
  return errors;
}
