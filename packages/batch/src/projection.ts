/**
 * Rows derived from documents, kept true in the transaction of the batch: a projection is told once per batch what was
 * created, updated and deleted, after documents and references are written, and writes set-based.
 */
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
  /** Endpoints of the resources whose documents it derives from. */
  readonly resources: readonly string[];
  /**
   * Brings the derived rows up to date. Throws a `SluiceError` `projection_refused` to refuse the write that caused it;
   * any other failure sets that write aside. Neighbours are committed either way.
   */
  apply(changes: ProjectionChanges, transaction: ProjectionTransaction): Promise<void>;
}

/** Checks a projection's form. @throws {SluiceError} `configuration_invalid` */
export function defineProjection(projection: Projection): Projection {
  if (!/^[a-z][a-z0-9_-]*$/.test(projection.name)) {
    throw new SluiceError(
      'configuration_invalid',
      `Cannot define a projection as its name is not a name: '${projection.name}'`,
    );
  }
  if (projection.resources.length === 0) {
    throw new SluiceError(
      'configuration_invalid',
      `Cannot define the projection as it has no resources: ${projection.name}`,
    );
  }
  return Object.freeze({ ...projection, resources: Object.freeze([...projection.resources]) });
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
    this.isRefusal = cause instanceof SluiceError && cause.code === 'projection_refused';
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

/** Applies the projections one after the other, in the order in which they were given. */
export async function applyProjections(
  session: Session,
  concerned: ReturnType<typeof concernedBy>,
): Promise<void> {
  const transaction: ProjectionTransaction = {
    query: (text, values) => session.query(text, values),
    run: (name, values) => session.run(name, values),
  };
  for (const { projection, changes } of concerned) {
    try {
      await projection.apply(changes, transaction);
    } catch (error) {
      if (
        error instanceof DatabaseError &&
        (error.isTransient || error.isConnectionLoss || error.isServerTrouble)
      )
        throw error;
      throw new ProjectionError(projection.name, error);
    }
  }
}
