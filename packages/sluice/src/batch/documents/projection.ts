/**
 * Rows derived from documents, maintained in the transaction of the batch. Once per batch, a projection receives the
 * created, updated and deleted documents, after documents and references are written. It writes set-based.
 */
import type { Model } from '#model';
import { SluiceError } from '#protocol';
import type { Session } from '#store';
import type { BatchTransaction } from '../coordinator/batch-transaction.ts';
import { TargetError } from '../coordinator/fault.ts';
import { isFaultAtEnd, lendSession, type LentTransaction } from '../coordinator/lend-session.ts';
import type { Plan } from './plan.ts';

export interface ChangedDocument {
  documentId: string;
  /** Endpoint of the resource. */
  resource: string;
}

/** Each document once, however many writes it had. Bodies are in `sluice.document`; those of deleted documents are gone. */
export interface ProjectionChanges {
  created: ChangedDocument[];
  updated: ChangedDocument[];
  deleted: ChangedDocument[];
}

/** The part of the batch's transaction that a projection may use. */
export type ProjectionTransaction = LentTransaction;

export interface Projection {
  /** Unique; named in errors. */
  readonly name: string;
  /** To be raised when `apply` would derive other rows from the same documents. A deployment agrees on names and versions. @default 1 */
  readonly version?: number;
  /** Endpoints of the resources whose documents the projection reads. */
  readonly resources: readonly string[];
  /**
   * Brings the derived rows up to date. An error with the code `projection_refused` refuses the write that caused it;
   * any other error makes that write a dead letter. Other writes are committed in both cases. A rebuild passes
   * documents as `updated` that may have no rows yet, and as `deleted` that are already gone.
   */
  apply(changes: ProjectionChanges, transaction: ProjectionTransaction): Promise<void>;
  /**
   * Ids of the documents that have derived rows, above `after` (null: from the first), ascending, at most `limit`. A
   * rebuild uses it to find rows of deleted documents. @default a rebuild keeps such rows
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
  // Bound, because it may be an object of a class.
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
 * Refuses two projections of one name, and a resource that the model does not have.
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

/** A projection failed for a reason that another try would not change. */
export class ProjectionError extends TargetError {
  readonly projection: string;

  constructor(projection: string, cause: unknown) {
    // Recognized by its code, because a module of the user may have another copy of SluiceError, or none.
    const isRefusal = cause instanceof Error && 'code' in cause && cause.code === 'projection_refused';
    super(`projection ${projection}`, cause, isRefusal ? { code: 'projection_refused' } : null);
    this.name = 'ProjectionError';
    this.projection = projection;
  }
}

/** The projections with changes in a plan, each with its changes. */
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

/** Applies the projections one after the other, in the given order. */
export async function applyProjections(
  transaction: BatchTransaction,
  concerned: ReturnType<typeof concernedBy>,
): Promise<void> {
  for (const { projection, changes } of concerned) {
    await transaction.lend(
      projection.name,
      (lent) => projection.apply(changes, lent),
      (cause) => new ProjectionError(projection.name, cause),
    );
  }
}

/** The same outside of a batch. @throws {ProjectionError} for any error of the work that is not transient */
export function inProjection<T>(
  session: Session,
  { name }: Projection,
  work: (transaction: ProjectionTransaction) => Promise<T>,
): Promise<T> {
  return lendSession(session, name, work, (cause) => new ProjectionError(name, cause));
}

/** The fault if a deferred constraint of a projection's table fails at the COMMIT. Which projection it was is not known. */
export function faultAtEnd(error: unknown, concerned: readonly { projection: Projection }[]): unknown {
  if (!isFaultAtEnd(error)) return error;
  return new ProjectionError(concerned.map(({ projection }) => projection.name).join(), error);
}
