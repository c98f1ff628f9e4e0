/**
 * Derives the rows of one projection from existing documents, in slices, while writers go on. Each slice is a
 * transaction that locks its documents as a batch does, derives their rows, and stores the progress, so a killed
 * rebuild resumes. The result is correct, because every batch that commits meanwhile maintains the same projection.
 */
import { randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { SluiceError } from '#protocol';
import { DatabaseError, Session, type ConnectionOptions } from '#store';
import { isFaultAtEnd } from '../coordinator/lend-session.ts';
import { faultAtEnd, inProjection, ProjectionError, type Projection } from './projection.ts';
import { goneStep, RebuildPlaces, type Place } from './rebuild-places.ts';

export interface RebuildOptions {
  /** Ends the rebuild after the slice under way. */
  signal?: AbortSignal;
  /** Documents in one transaction at most. @default 256 */
  sliceDocumentsMax?: number;
  /** Starts at the first document, even if an earlier rebuild was interrupted. @default false: resumes there */
  fromStart?: boolean;
  onProgress?: (progress: RebuildProgress) => void;
}

export interface RebuildProgress {
  /** Finished documents, including those of an interrupted rebuild. */
  documents: number;
  /** Documents that existed when this call began. */
  total: number;
}

export interface RebuildReport extends RebuildProgress {
  name: string;
  version: number;
  /** Deleted documents whose rows were removed. */
  removed: number;
  isComplete: boolean;
}

const settings: Readonly<Record<string, string>> = {
  lock_timeout: '1s',
  statement_timeout: '20s',
  idle_in_transaction_session_timeout: '15s',
  transaction_timeout: '30s',
};

/** Most tries of a slice that meets locks of other sessions. */
const triesMax = 10;

/**
 * @throws {SluiceError} `deployment_disagrees` if the deployment has not agreed on this version of the projection
 * @throws {SluiceError} `write_conflict` if other sessions hold locks on its documents for long
 * @throws {SluiceError} `projection_refused` with the id of the document that `apply` fails for
 * @throws {DatabaseError} if the connection is lost: another call resumes the rebuild
 */
export async function rebuildProjection(
  connection: ConnectionOptions,
  projection: Projection,
  options: RebuildOptions = {},
): Promise<RebuildReport> {
  const session = await Session.open({ ...connection, settings });
  try {
    return await new Rebuild(session, projection, options).run();
  } finally {
    await session.close();
  }
}

class Rebuild {
  readonly #session: Session;
  readonly #projection: Projection;
  readonly #options: RebuildOptions;
  readonly #places: RebuildPlaces;
  readonly #report: RebuildReport;

  constructor(session: Session, projection: Projection, options: RebuildOptions) {
    const { name, version = 1 } = projection;
    this.#session = session;
    this.#projection = projection;
    this.#options = options;
    this.#places = new RebuildPlaces(session, projection);
    this.#report = { name, version, documents: 0, total: 0, removed: 0, isComplete: false };
  }

  async run(): Promise<RebuildReport> {
    const report = this.#report;
    const { signal, onProgress, sliceDocumentsMax = 256, fromStart = false } = this.#options;
    const [counted] = await this.#session.run('countDerivable', [this.#places.resources]);
    report.total = counted?.['documents'] as number;
    let place = fromStart ? null : await this.#read();
    if (place === null) {
      await this.#places.begin();
      place = await this.#read();
    }
    let limit = sliceDocumentsMax;
    const isCancelled = (): boolean => signal?.aborted === true;
    while (place !== null && !isCancelled()) {
      onProgress?.(report);
      try {
        place = await this.#step(place, limit);
        limit = Math.min(sliceDocumentsMax, limit * 2);
      } catch (error) {
        // In halves, until the failing document is alone. A smaller slice may need no more memory than the server has.
        const isLarge = error instanceof DatabaseError && error.isServerTrouble;
        if (!(error instanceof ProjectionError || isLarge) || limit === 1) throw error;
        limit = Math.ceil(limit / 2);
      }
    }
    report.isComplete = place === null;
    onProgress?.(report);
    return report;
  }

  /** The place where the rebuild goes on. */
  async #read(): Promise<Place | null> {
    const { place, documents } = await this.#places.read();
    this.#report.documents = documents;
    return place;
  }

  /** Does one slice, and retries conflicts with concurrent work. Null: the rebuild is complete. */
  async #step(place: Place, limit: number): Promise<Place | null> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#slice(place, limit);
      } catch (error) {
        if (error instanceof DatabaseError && error.isConnectionLoss) throw error;
        await this.#session.flight([{ name: 'rollback' }]);
        if (error instanceof ProjectionError && limit === 1) throw await this.#failure(place, error);
        if (!(error instanceof DatabaseError) || !error.isTransient) throw error;
        if (tries === triesMax) throw this.#busy(error);
        await pause(randomInt(5, 20 * 2 ** tries));
      }
    }
  }

  async #slice(place: Place, limit: number): Promise<Place | null> {
    const { resource, after } = place;
    const session = this.#session;
    const isGone = resource === goneStep;
    const { last, present, gone } = isGone
      ? await this.#listGone(after, limit)
      : await this.#lock(resource, after, limit);
    if (present.length + gone.length > 0) {
      const changes = { created: [], updated: present, deleted: gone };
      await inProjection(session, this.#projection, (transaction) =>
        this.#projection.apply(changes, transaction),
      );
    }
    const next = this.#places.next(place, last);
    const [moved] = await session
      .flight([this.#places.advance(place, next, present.length), { name: 'check_constraints' }])
      .catch((error: unknown) => {
        throw isFaultAtEnd(error) ? faultAtEnd(error, [{ projection: this.#projection }]) : error;
      });
    const [row] = moved?.rows ?? [];
    if (row === undefined) {
      // Another rebuild was faster, or the agreement has changed: this slice is discarded.
      await session.flight([{ name: 'rollback' }]);
      return this.#read();
    }
    await session.flight([{ name: 'commit' }]);
    this.#report.documents = row['rebuilt_documents'] as number;
    this.#report.removed += gone.length;
    return next;
  }

  async #lock(resource: string, after: string | null, limit: number) {
    const [, locked] = await this.#session.flight([
      { name: 'begin' },
      { name: 'lockSlice', values: [resource, after, limit] },
    ]);
    const [row] = locked?.rows ?? [];
    const ids = (row?.['document_ids'] ?? []) as string[];
    const present = ids.map((documentId) => ({ documentId, resource }));
    return { last: (row?.['last'] ?? null) as string | null, present, gone: [] };
  }

  async #listGone(after: string | null, limit: number) {
    const projection = this.#projection;
    const { resources } = this.#places;
    const [resource = ''] = resources;
    await this.#session.flight([{ name: 'begin' }]);
    const listed = await inProjection(
      this.#session,
      projection,
      async (transaction) => (await projection.listDocuments?.(after, limit, transaction)) ?? [],
    );
    const rows = listed.length === 0 ? [] : await this.#session.run('findGone', [listed, resources]);
    const gone = rows.map((row) => ({ documentId: row['document_id'] as string, resource }));
    return { last: listed.at(-1) ?? null, present: [], gone };
  }

  #busy({ sqlState }: DatabaseError): SluiceError {
    return new SluiceError(
      'write_conflict',
      `Cannot rebuild the projection ${this.#projection.name} because other sessions hold locks on its documents or rows ` +
        `(${sqlState}, tried ${triesMax} times): run the rebuild again, and it goes on where it was`,
    );
  }

  async #failure({ resource, after }: Place, error: ProjectionError): Promise<SluiceError> {
    const { code, constraint, table } = error.reduced;
    const [, locked] = await this.#session.flight([
      { name: 'begin' },
      { name: 'lockSlice', values: [resource, after, 1] },
      { name: 'rollback' },
    ]);
    const last = locked?.rows[0]?.['last'];
    const which = resource === goneStep ? '' : ` for the document ${String(last)} of ${resource}`;
    const what = [constraint, table].filter(Boolean).join(' of ');
    const why = `${code ?? 'unknown'}${what === '' ? '' : `, ${what}`}`;
    return new SluiceError(
      'projection_refused',
      `Cannot rebuild the projection ${error.projection} because it fails${which} (${why}): repair it or the document, then ` +
        'run the rebuild again, which resumes there',
      { cause: error },
    );
  }
}
