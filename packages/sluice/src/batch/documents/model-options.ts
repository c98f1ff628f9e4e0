/** What settling documents asks the model: which identities may change, and how a missing reference is described. */
import { describeDocument, type Model } from '#model';
import type { MissingReference } from '#protocol';
import { missingToldMax } from './apply-writes.ts';
import type { DocumentOptions } from './settle-documents.ts';

export interface ModelOptions {
  /** Lanes of the deployment. */
  lanes: number;
  /** Documents that a change of identity may rewrite. */
  cascadeDocumentsMax: number;
}

export function settleOptions(model: Model, options: ModelOptions): DocumentOptions {
  return {
    cascade: { model, lanes: options.lanes, documentsMax: options.cascadeDocumentsMax },
    allowsIdentityUpdate: (endpoint) => model.findEndpoint(endpoint)?.allowIdentityUpdates ?? false,
    describeMissing(endpoint, body, referentialIds) {
      const resource = model.findEndpoint(endpoint);
      const references =
        resource === undefined ? [] : describeDocument(resource, JSON.parse(body)).references;
      // A refused document may have tens of thousands of references. Without this map, the search would take so long
      // that the writer loses its lanes.
      const known = new Map(references.map((reference) => [reference.referentialId, reference]));
      const missing = referentialIds.slice(0, missingToldMax).map((referentialId): MissingReference => {
        const reference = known.get(referentialId);
        if (reference === undefined) return { referentialId, resource: null, path: null };
        const { resource: name, path, isDescriptor } = reference;
        return { referentialId, resource: name, path, isDescriptor };
      });
      return { missing };
    },
  };
}
