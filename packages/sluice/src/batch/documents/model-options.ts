/** What the engine asks of the model: which identities may change, and what a missing reference is called. */
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
      // A document may have tens of thousands, and be refused for all of them: looked up one by one, they would keep the
      // writer from its lanes for so long that it loses them.
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
