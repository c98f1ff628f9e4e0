/** The answer to a refused write, in the form of the Ed-Fi API. */
import type { WriteRequest } from 'sluice/internal/client';
import { describeDocument, foldCase, type DocumentReference, type Model, type Resource } from 'sluice/model';
import type { Outcome } from 'sluice/internal/protocol';
import { placesAt } from './places.ts';
import { missingDescriptors, notFound, type EdFiProblem, type ValidationErrors } from './problem.ts';
import { addError } from './schema-faults.ts';

/** Null: the Ed-Fi API has no sentence for it. */
export function problemOfRefusal(write: WriteRequest, outcome: Outcome, model: Model): EdFiProblem | null {
  const { resource, document } = write;
  switch (outcome.code) {
    case 'unresolved_reference':
      return unresolved(
        resource,
        document,
        new Set(outcome.detail?.missing?.map((each) => each.referentialId)),
      );
    case 'identity_conflict':
      return identityTaken(write);
    case 'document_referenced': {
      const names = (outcome.detail?.referredBy ?? []).map((endpoint) => nameOf(endpoint, model));
      return {
        type: 'data-conflict:dependent-item-exists',
        title: 'Dependent Item Exists',
        status: 409,
        detail: `The requested action cannot be performed because this item is referenced by existing ${names.join(', ')} item(s).`,
      };
    }
    case 'immutable_identity':
      return {
        type: 'bad-request:data-validation-failed:key-change-not-supported',
        title: 'Key Change Not Supported',
        status: 400,
        detail: `Identifying values for the ${resource.name} resource cannot be changed. Delete and recreate the resource item instead.`,
      };
    case 'precondition_failed':
      return {
        type: 'optimistic-lock-failed',
        title: 'Optimistic Lock Failed',
        status: 412,
        detail: 'The item has been modified by another user.',
        errors: [
          "The resource item's etag value does not match what was specified in the 'If-Match' request header indicating that it has been modified by another client since it was last retrieved.",
        ],
      };
    case 'document_not_found':
      return notFound('Resource to update was not found');
    default:
      return null;
  }
}

const nameOf = (endpoint: string, model: Model): string => model.findEndpoint(endpoint)?.name ?? endpoint;

/** A missing descriptor is a fault of the document, and is reported first; another missing document may come later. */
function unresolved(resource: Resource, document: unknown, missing: ReadonlySet<string>): EdFiProblem {
  const references = describeDocument(resource, document).references.filter(({ referentialId }) =>
    missing.has(referentialId),
  );
  const descriptors = references.filter(({ isDescriptor }) => isDescriptor);
  if (descriptors.length > 0) return missingDescriptors(descriptorErrors(resource, document, descriptors));
  const names = new Set(references.map((reference) => reference.resource));
  return {
    type: 'data-conflict:unresolved-reference',
    title: 'Unresolved Reference',
    status: 409,
    detail: `The referenced ${[...names].join(', ')} item(s) do not exist.`,
  };
}

/** Every place that names one of these descriptors. */
function descriptorErrors(
  resource: Resource,
  document: unknown,
  missing: readonly DocumentReference[],
): ValidationErrors {
  const errors: ValidationErrors = {};
  const keys = new Set(missing.map((each) => `${each.resource} ${foldCase(each.identity[0]?.value ?? '')}`));
  for (const { name, isDescriptor, paths } of resource.references) {
    if (!isDescriptor) continue;
    for (const { path, value } of placesAt(document, paths[0]?.path ?? '$')) {
      const uri = foldCase(String(value));
      if (keys.has(`${name} ${uri}`)) addError(errors, path, `${name} value '${uri}' does not exist.`);
    }
  }
  return errors;
}

function identityTaken({ operation, resource, document }: WriteRequest): EdFiProblem {
  const verb = operation === 'update' ? 'update a' : 'create a new';
  const pairs = describeDocument(resource, document).identity.map(
    ({ path, value }) => `(${path.slice(path.lastIndexOf('.') + 1)} = ${value})`,
  );
  return {
    type: 'identity-conflict',
    title: 'Identifying Values Are Not Unique',
    status: 409,
    detail: 'The identifying value(s) of the item are the same as another item that already exists.',
    errors: [
      `A natural key conflict occurred when attempting to ${verb} resource ${resource.name} with a duplicate key. ` +
        `The duplicate keys and values are ${pairs.join(',')}`,
    ],
  };
}
