/** The progress of a rebuild, stored in the database, so that a killed rebuild resumes. */
import { SluiceError } from '#protocol';
import type { Row, Session, Statement } from '#store';
import type { Projection } from './projection.ts';

/** The last document that is done, with its resource. The last step, for rows of deleted documents, has an empty resource name. */
export interface Place {
  resource: string;
  after: string | null;
}

export const goneStep = '';

export class RebuildPlaces {
  readonly #session: Session;
  readonly #key: readonly [name: string, version: number];
  readonly resources: readonly string[];

  constructor(session: Session, { name, version = 1, resources }: Projection) {
    this.#session = session;
    this.#key = [name, version];
    this.resources = [...resources].sort();
  }

  /** The place where the rebuild goes on, and the number of finished documents. Null: it is complete, or was never started. */
  async read(): Promise<{ place: Place | null; documents: number }> {
    const row = await this.#agreed();
    const resource = row['rebuild_resource'] as string | null;
    const isKnown = resource !== null && (resource === goneStep || this.resources.includes(resource));
    const place = isKnown ? { resource, after: row['rebuild_after'] as string | null } : null;
    return { place, documents: row['rebuilt_documents'] as number };
  }

  /** @throws {SluiceError} `deployment_disagrees` */
  async #agreed(): Promise<Row> {
    const [name, version] = this.#key;
    const rows = await this.#session.run('listProjections');
    const row = rows.find((each) => each['name'] === name);
    const agreed = row?.['version'] as number | undefined;
    if (row !== undefined && agreed === version) return row;
    const reason =
      agreed === undefined
        ? 'the deployment has not agreed on it'
        : `the deployment has agreed on version ${agreed}, and this is version ${version}`;
    throw new SluiceError(
      'deployment_disagrees',
      `Cannot rebuild the projection ${name} because ${reason}: run \`sluice projections agree\` first`,
    );
  }

  /** Starts at the first document. */
  async begin(): Promise<void> {
    await this.#session.run('beginRebuild', [...this.#key, this.resources[0]]);
  }

  /** The place after a slice that ended with `last`; null: the rebuild is complete. */
  next({ resource }: Place, last: string | null): Place | null {
    if (last !== null) return { resource, after: last };
    if (resource === goneStep) return null;
    return { resource: this.resources[this.resources.indexOf(resource) + 1] ?? goneStep, after: null };
  }

  /** Advances by so many documents, unless another rebuild has already done so. */
  advance({ resource, after }: Place, next: Place | null, documents: number): Statement {
    const to = [next?.resource ?? null, next?.after ?? null];
    return { name: 'advanceRebuild', values: [...this.#key, resource, after, ...to, documents] };
  }
}
