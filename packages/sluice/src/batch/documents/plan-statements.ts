/**
 * A plan as statements: set-based, constant text, in phases and an order of keys that prevent deadlocks between lanes
 * (sql/README.md, invariant 6). Deletes come before inserts, so that an identity can move to another document in one
 * batch.
 */
import type { Write } from '#protocol';
import type { Statement } from '#store';
import { outcomeValues } from '../coordinator/record.ts';
import type { Cascade, DocumentChange, Plan } from './plan.ts';

interface StatementOptions {
  batchId: string;
  terms: ReadonlyMap<number, number>;
  /** Bodies by write id; null: they are in the intake and move inside the database. */
  bodies: ReadonlyMap<string, Write> | null;
  /** The projections of this process, as the database compares them. */
  projections: string;
}

/** The effects and outcomes of a plan. Empty if the plan settles no write. */
export function planStatements(plan: Plan, options: StatementOptions): Statement[] {
  if (plan.outcomes.length === 0) return [];
  const { bodies } = options;
  return [
    ...removals(plan),
    ...(bodies === null ? movedUpdates(plan) : givenDocuments(plan, bodies)),
    ...carriedEdits(plan),
    { name: 'settleWrites', values: settledValues(plan, options) },
  ];
}

/** No statement if there are no rows. */
function statement(name: string, count: number, values: () => unknown[]): Statement[] {
  return count > 0 ? [{ name, values: values() }] : [];
}

function column<T, V>(rows: readonly T[], value: (row: T) => V): V[] {
  return rows.map(value);
}

function removals({ deletes, removedReferences, cascade }: Plan): Statement[] {
  const references = [...removedReferences, ...(cascade?.removedReferences ?? [])];
  const identities = cascade?.removedAliases ?? [];
  const documentIds = column(deletes, (row) => row.documentId);
  return [
    ...statement('removeReferences', references.length, () => [
      column(references, (row) => row.documentId),
      column(references, (row) => row.referentialId),
    ]),
    ...statement('removeAliases', deletes.length, () => [documentIds]),
    ...statement('removeIdentities', identities.length, () => [identities]),
    ...statement('removeDocuments', deletes.length, () => [
      documentIds,
      column(deletes, (row) => row.version),
    ]),
  ];
}

function idsOf(changes: readonly DocumentChange[]): string[] {
  return column(changes, ({ state }) => state.documentId);
}

function placed(changes: readonly DocumentChange[]): unknown[][] {
  return [
    column(changes, ({ state }) => state.lane),
    column(changes, ({ state }) => state.referentialId),
    column(changes, ({ state }) => state.superclassId),
    column(changes, ({ state }) => state.version),
    column(changes, ({ state }) => state.contentHash),
  ];
}

function plannedOn(changes: readonly DocumentChange[]): number[] {
  return column(changes, ({ state }) => state.base?.version ?? 0);
}

/** For writes in the intake, the id of a write stands for its body; `settleWrites` creates new documents. */
function movedUpdates({ updates }: Plan): Statement[] {
  return statement('moveUpdates', updates.length, () => [
    idsOf(updates),
    column(updates, ({ writeId }) => writeId),
    ...placed(updates),
    plannedOn(updates),
  ]);
}

/** Without the intake, the bodies are parameters. */
function givenDocuments({ creates, updates }: Plan, bodies: ReadonlyMap<string, Write>): Statement[] {
  const texts = (changes: readonly DocumentChange[]): (string | null)[] =>
    column(changes, ({ writeId }) => bodies.get(writeId)?.body ?? null);
  return [
    ...statement('updateDocuments', updates.length, () => [
      idsOf(updates),
      ...placed(updates),
      plannedOn(updates),
      texts(updates),
    ]),
    ...statement('insertDocuments', creates.length, () => {
      const [lanes, ...rest] = placed(creates);
      return [idsOf(creates), lanes, column(creates, ({ state }) => state.resource), ...rest, texts(creates)];
    }),
  ];
}

function carriedEdits({ cascade }: Plan): Statement[] {
  const carried = cascade?.documents ?? [];
  return statement('editDocuments', carried.length, () => [
    column(carried, (row) => row.documentId),
    column(carried, (row) => row.lane),
    column(carried, (row) => row.referentialId),
    column(carried, (row) => row.superclassId),
    column(carried, (row) => row.contentHash),
    column(carried, (row) => row.plannedOn),
    column(carried, (row) => JSON.stringify(row.edits)),
  ]);
}

function settledValues(plan: Plan, options: StatementOptions): unknown[] {
  const { creates, updates, deletes, cascade, outcomes } = plan;
  const changes = creates.length + updates.length + deletes.length;
  const aliases = addedAliasesOf(plan);
  const references = [...plan.addedReferences, ...(cascade?.addedReferences ?? [])];
  const created = new Set(column(creates, ({ writeId }) => writeId));
  return [
    ...outcomeValues(outcomes, options),
    column(outcomes, ({ write }) => created.has(write.writeId)),
    options.bodies === null,
    column(aliases, (row) => row.referentialId),
    column(aliases, (row) => row.documentId),
    column(aliases, (row) => row.lane),
    column(references, (row) => row.documentId),
    column(references, (row) => row.referentialId),
    column(references, (row) => row.lane),
    // If no document changes, no projection is needed.
    changes === 0 ? null : options.projections,
  ];
}

/** The identities that the batch adds. */
export function addedAliasesOf({ creates, cascade }: Plan): Cascade['addedAliases'] {
  const aliases = creates.flatMap(({ state: { documentId, referentialId, superclassId, lane } }) =>
    [referentialId, superclassId].flatMap((id) =>
      id === null ? [] : [{ referentialId: id, documentId, lane }],
    ),
  );
  return [...aliases, ...(cascade?.addedAliases ?? [])];
}
