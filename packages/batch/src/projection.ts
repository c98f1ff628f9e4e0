/**
 * Rows derived from documents, kept true in the transaction of the batch: a projection is told once per batch what was
 * created, updated and deleted, after documents and references are written, and writes set-based.
 */
import type { Model } from '@sluice/model';
import { SluiceError } from '@sluice/protocol';
import { DatabaseError, type Row, type Session } from '@sluice/store';
import type { Plan } from './plan.ts';

export interface ChangedDocument {
  documentId: string;
  /** Endpoint of the resource. */
  resource: string;
}

/** Each document once, however many writes it took. Bodies are in `sluice.document`, those of deleted ones are gone. */
export interface ProjectionChanges {
  created: ChangedDocument[];
  updated: ChangedDocument[];
  deleted: ChangedDocument[];
}

/** The batch's transaction, as far as a projection may use it. */
export interface ProjectionTransaction {
  /** One statement of your own, with `$1…`. Write in the order of your keys, so that lanes do not deadlock. */
  query(text: string, values?: readonly unknown[]): Promise<Row[]>;
  /** A named statement of sql/queries. */
  run(name: string, values?: readonly unknown[]): Promise<Row[]>;
}

export interface Projection {
  /** Unique; named in errors. */
  readonly name: string;
  /**
   * Raised when `apply` would derive other rows from the same documents. A deployment agrees on names and versions.
   * @default 1
   */
  readonly version?: number;
  /** Endpoints of the resources whose documents it derives from. */
  readonly resources: readonly string[];
  /**
   * Brings the derived rows up to date. Throws an error with the code `projection_refused` to refuse the write that caused
   * it; any other failure sets that write aside. Neighbours are committed either way. A rebuild tells it as `updated` what it
   * may have no rows of, and as `deleted` what is gone already.
   */
  apply(changes: ProjectionChanges, transaction: ProjectionTransaction): Promise<void>;
  /**
   * Ids of the documents that it has rows of, above `after` (null: from the first), in ascending order, at most `limit`. A
   * rebuild finds by it the rows of documents that are gone. @default a rebuild leaves such rows
   */
  listDocuments?(
    after: string | null,
    limit: number,
    transaction: ProjectionTransaction,
  ): Promise<readonly string[]>;
}

/** Checks a projection's form. @throws {SluiceError} `configuration_invalid` */
export function defineProjection(projection: Projection): Projection {
  const { name, version = 1, resources } = projection;
  if (!/^[a-z][a-z0-9_-]{0,62}$/.test(name)) {
    throw new SluiceError(
      'configuration_invalid',
      `Cannot define a projection because its name is not up to 63 lower-case letters, digits, _ and -, a letter first: '${name}'`,
    );
  }
  const fail = (reason: string): SluiceError =>
    new SluiceError('configuration_invalid', `Cannot define the projection because ${reason}: ${name}`);
  if (!Number.isInteger(version) || version < 1 || version > 2 ** 31 - 1)
    throw fail('its version is not a whole number from 1');
  if (!Array.isArray(resources) || resources.length === 0) throw fail('it has no resources');
  if (typeof projection.apply !== 'function') throw fail('it has no function `apply`');
  if (projection.listDocuments !== undefined && typeof projection.listDocuments !== 'function')
    throw fail('its `listDocuments` is not a function');
  // Bound: it may be an object of a class.
  return Object.freeze({
    name,
    version,
    resources: Object.freeze([...resources]),
    apply: projection.apply.bind(projection),
    ...(projection.listDocuments === undefined
      ? {}
      : { listDocuments: projection.listDocuments.bind(projection) }),
  });
}

/**
 * What would be passed over in silence is refused: two projections of one name, and a resource that the model does not have.
 * @throws {SluiceError} `configuration_invalid`
 */
export function assertProjections(projections: readonly Projection[], model: Model): void {
  const names = new Set<string>();
  for (const { name, resources } of projections) {
    if (names.has(name)) {
      throw new SluiceError(
        'configuration_invalid',
        `Cannot use the projections because two have the same name: ${name}`,
      );
    }
    names.add(name);
    const unknown = resources.find((endpoint) => model.findEndpoint(endpoint)?.endpoint !== endpoint);
    if (unknown === undefined) continue;
    throw new SluiceError(
      'configuration_invalid',
      `Cannot use the projection ${name} because the model has no endpoint of this spelling: ${unknown}`,
    );
  }
}

/** A projection failed for a reason of its own: nothing that trying again would mend. */
export class ProjectionError extends Error {
  readonly projection: string;
  /** The refusal, where the projection refused the write. */
  readonly isRefusal: boolean;
  readonly reduced: { code: string | null; constraint: string | null; table: string | null };

  constructor(projection: string, cause: unknown) {
    super(`Projection ${projection} failed`, { cause });
    this.name = 'ProjectionError';
    this.projection = projection;
    // By its code: a module of the user's may have a SluiceError of another copy, or none.
    this.isRefusal = cause instanceof Error && 'code' in cause && cause.code === 'projection_refused';
    const { sqlState = null, constraint = null, table = null } = cause instanceof DatabaseError ? cause : {};
    this.reduced = { code: sqlState ?? `projection ${projection}`, constraint, table };
  }
}

/** The projections that a plan concerns, each with its share of the changes. */
export function concernedBy(
  plan: Plan,
  projections: readonly Projection[],
): { projection: Projection; changes: ProjectionChanges }[] {
  if (projections.length === 0) return [];
  const created = plan.creates.map(({ state: { documentId, resource } }) => ({ documentId, resource }));
  const updated = plan.updates.map(({ state: { documentId, resource } }) => ({ documentId, resource }));
  const carried = plan.cascade?.documents.map(({ documentId, resource }) => ({ documentId, resource })) ?? [];
  const deleted = plan.deletes.map(({ documentId, resource }) => ({ documentId, resource }));
  return projections.flatMap((projection) => {
    const own = (changed: ChangedDocument): boolean => projection.resources.includes(changed.resource);
    const changes = {
      created: created.filter(own),
      updated: [...updated, ...carried].filter(own),
      deleted: deleted.filter(own),
    };
    const isConcerned = changes.created.length + changes.updated.length + changes.deleted.length > 0;
    return isConcerned ? [{ projection, changes }] : [];
  });
}

/** An `apply` that takes longer has failed. */
const applyMsMax = 10_000;

/** Applies the projections one after the other, in the order in which they were given. */
export async function applyProjections(
  session: Session,
  concerned: ReturnType<typeof concernedBy>,
): Promise<void> {
  for (const { projection, changes } of concerned) {
    await inProjection(session, projection, (transaction) => projection.apply(changes, transaction));
  }
}

/**
 * Lends the transaction to a projection, for as long as its work lasts. What it leaves running is waited for; what it
 * begins afterwards fails, as it would go into another's transaction.
 * @throws {ProjectionError} whatever the projection's work or one of its statements threw, unless it will pass
 */
export async function inProjection<T>(
  session: Session,
  { name }: Projection,
  work: (transaction: ProjectionTransaction) => Promise<T>,
): Promise<T> {
  const sent: Promise<unknown>[] = [];
  let isOver = false;
  const send = (start: () => Promise<Row[]>): Promise<Row[]> => {
    if (isOver)
      return Promise.reject(new Error(`Cannot use the transaction of ${name} because its work has ended`));
    const answer = start();
    // It is looked at below: nobody else need wait for it.
    answer.catch(() => undefined);
    sent.push(answer);
    return answer;
  };
  try {
    const result = await whileOpen(session, () =>
      work({
        query: (text, values) => send(() => session.query(text, values)),
        run: (statement, values) => send(() => session.run(statement, values)),
      }),
    );
    // The transaction has failed with any of its statements, although the projection may have looked away.
    await Promise.all(sent);
    return result;
  } catch (error) {
    if (error instanceof DatabaseError && (error.isConnectionLoss || isPassing(error))) throw error;
    throw new ProjectionError(name, error);
  } finally {
    isOver = true;
  }
}

/** A statement that took too long was slow by itself: a wait for a lock ends earlier, with a code of its own. */
function isPassing(error: DatabaseError): boolean {
  return error.isTransient && error.sqlState !== '57014';
}

/** A session that ends, and work that does not, end the wait. */
async function whileOpen<T>({ ended }: Session, work: () => Promise<T>): Promise<T> {
  let end: (error: Error) => void = () => undefined;
  const ending = new Promise<never>((_, reject) => (end = reject));
  const lose = (): void =>
    end(new DatabaseError({ sqlState: null, message: 'connection ended while a projection was at work' }));
  ended.addEventListener('abort', lose, { once: true });
  const timer = setTimeout(() => end(new Error(`took longer than ${applyMsMax} ms`)), applyMsMax);
  try {
    return await Promise.race([work(), ending]);
  } finally {
    clearTimeout(timer);
    ended.removeEventListener('abort', lose);
  }
}

/** A deferred constraint of a projection's tables speaks at the end: which of them it was is not known. */
export function endFault(error: unknown, concerned: readonly Projection[]): unknown {
  const isTheirs =
    error instanceof DatabaseError &&
    error.statement === 'check_constraints' &&
    !error.isConnectionLoss &&
    !isPassing(error);
  return isTheirs ? new ProjectionError(concerned.map(({ name }) => name).join(), error) : error;
}
