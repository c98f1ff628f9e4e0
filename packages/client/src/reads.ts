/** What a node reads for its clients: documents, and how writes fare. */
import { caseVariants, describeDocument, type Model } from '@sluice/model';
import { isId, SluiceError } from '@sluice/protocol';
import { outcomeOf } from '@sluice/batch';
import type { Row } from '@sluice/store';
import { writesAskedMax } from './contract.ts';
import type { AwaitedState, DocumentFilter, Page, StoredDocument, WriteState } from './contract.ts';

type Run = (name: string, values: readonly unknown[]) => Promise<Row[]>;

export class Reads {
  readonly #model: Model;
  readonly #run: Run;

  constructor(model: Model, run: Run) {
    this.#model = model;
    this.#run = run;
  }

  async readDocument(resource: { endpoint: string }, documentId: string): Promise<StoredDocument | null> {
    // What is no id at all is nobody's.
    if (!isId(documentId)) return null;
    const [row] = await this.#run('readDocument', [documentId, resource.endpoint]);
    return row === undefined ? null : documentOf(row);
  }

  async listDocuments(
    resource: { endpoint: string },
    { limit, offset, filter }: Page,
  ): Promise<StoredDocument[]> {
    const { endpoint } = resource;
    const rows =
      filter === undefined
        ? await this.#run('listDocuments', [endpoint, limit, offset])
        : await this.#run(filter.referentialIds.length > 0 ? 'findReferrers' : 'findDocuments', [
            ...filterValues(endpoint, filter),
            limit,
            offset,
          ]);
    return rows.map(documentOf);
  }

  async countDocuments(resource: { endpoint: string }, filter?: DocumentFilter): Promise<number> {
    const { endpoint } = resource;
    const [row] =
      filter === undefined
        ? await this.#run('countDocuments', [endpoint])
        : await this.#run(
            filter.referentialIds.length > 0 ? 'countReferrers' : 'countFound',
            filterValues(endpoint, filter),
          );
    return (row?.['documents'] as number | undefined) ?? 0;
  }

  async readWrites(client: string, writeIds: readonly string[]): Promise<WriteState[]> {
    if (writeIds.length > writesAskedMax) {
      throw new SluiceError('invalid_request', `Cannot ask for more than ${writesAskedMax} writes at once`);
    }
    const ids = writeIds.filter(isId);
    const states = (await this.#run('readWriteStates', [ids, client])).map(writeStateOf);
    const refer = states.filter(({ awaits }) => awaits.some(({ kind }) => kind === 'reference'));
    for (let from = 0; from < refer.length; from += bodiesMax) {
      await this.#nameAwaited(refer.slice(from, from + bodiesMax));
    }
    return states;
  }

  /** Says of each reference which one it is, from the bodies of the writes. Those just settled have none any more. */
  async #nameAwaited(states: readonly WriteState[]): Promise<void> {
    const rows = await this.#run('readBodies', [states.map(({ writeId }) => writeId)]);
    const bodies = new Map(rows.map((row) => [row['write_id'] as string, row['body'] as string | null]));
    for (const { writeId, resource, awaits } of states) {
      const body = bodies.get(writeId) ?? null;
      const described = body === null ? undefined : this.#model.findEndpoint(resource);
      if (body === null || described === undefined) continue;
      const { references } = describeDocument(described, JSON.parse(body));
      const known = new Map(references.map((reference) => [reference.referentialId, reference]));
      for (const awaited of awaits) {
        const reference = known.get(awaited.awaitedId);
        if (reference === undefined) continue;
        awaited.resource = reference.resource;
        awaited.path = reference.path;
      }
    }
  }
}

/** Bodies of blocked writes that are in memory at once. */
const bodiesMax = 64;

function filterValues(endpoint: string, { contains, folded, referentialIds }: DocumentFilter): unknown[] {
  const variants = folded.map(({ value }) => caseVariants(value));
  const values = [
    endpoint,
    contains.map((part) => JSON.stringify(part)),
    // Names of a model hold nothing that an array literal would want quoted.
    folded.map(({ path }) => `{${path.join(',')}}`),
    folded.map(({ value }) => value),
    variants.map(({ from }) => from),
    variants.map(({ to }) => to),
  ];
  return referentialIds.length > 0 ? [...values, referentialIds] : values;
}

function writeStateOf(row: Row): WriteState {
  const state = row['state'] as WriteState['state'];
  return {
    writeId: row['write_id'] as string,
    state,
    resource: row['resource'] as string,
    outcome: state === 'settled' ? outcomeOf(row) : null,
    awaits: ((row['awaits'] ?? []) as AwaitedState[]).map((awaited) => ({
      ...awaited,
      since: new Date(awaited.since).toISOString(),
    })),
    acceptedAt: row['accepted_at'] as string | null,
    blockedAt: row['blocked_at'] as string | null,
    settledAt: row['settled_at'] as string | null,
  };
}

function documentOf(row: Row): StoredDocument {
  return {
    documentId: row['document_id'] as string,
    body: row['body'] as string,
    contentHash: row['content_hash'] as string,
    version: row['version'] as number,
    createdAt: row['created_at'] as string,
    modifiedAt: row['modified_at'] as string,
  };
}
