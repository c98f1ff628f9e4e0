/** Makes writes of requests: refuses invalid ones, and computes the lane. */
import { SluiceError, type Write } from '#protocol';
import type { DatabaseClock } from '#store';
import type { BlockedQuota } from './blocked-quota.ts';
import type { Run } from './client-reads.ts';
import type { WriteRequest } from './contract.ts';
import type { PresentIdentity } from './new-write.ts';
import { assertBody, assertRequest, prepareWrite } from './prepare-write.ts';

interface WriteRequestsOptions {
  run: Run;
  clock: DatabaseClock;
  quota: BlockedQuota;
  lanes: number;
  documentBytesMax: number;
}

export class WriteRequests {
  readonly #options: WriteRequestsOptions;

  constructor(options: WriteRequestsOptions) {
    this.#options = options;
  }

  /** @param traceparent Names the span that is the parent of the further spans of the write. */
  async prepare(request: WriteRequest, traceparent: string | null): Promise<Write> {
    const { clock, quota, lanes, documentBytesMax } = this.#options;
    assertRequest(request);
    assertBody(request.body, documentBytesMax);
    const { operation, client = '', waitForReferencesSeconds = null } = request;
    if (waitForReferencesSeconds !== null) await quota.check(client);
    const present = operation === 'upsert' ? null : await this.#findIdentity(request);
    const write = prepareWrite(request, lanes, present, clock.now());
    write.traceparent = traceparent;
    return write;
  }

  /** An update or delete by id goes to the lane of the document's present identity. */
  async #findIdentity({ documentId, resource }: WriteRequest): Promise<PresentIdentity> {
    const [row] = await this.#options.run('findIdentity', [documentId, resource.endpoint]);
    if (row === undefined) throw new SluiceError('document_not_found');
    return {
      referentialId: row['referential_id'] as string,
      superclassId: row['superclass_id'] as string | null,
    };
  }
}
