/**
 * A plan as statements: set-based, constant text, in the phases and the order of keys that keep lanes from
 * deadlocking (sql/README.md, invariant 6). Deletes come before inserts, so that an identity can change hands in one batch.
 */
import type { Outcome, Write, WriteHeader } from '@sluice/protocol';
import { packIds } from '@sluice/protocol';
import type { Statement } from '@sluice/store';
import type { Cascade } from './cascade.ts';
import type { DocumentChange, Plan } from './plan.ts';

/** A write that is set aside with the error that it met alone. */
export interface Burial {
  write: WriteHeader;
  attempts: number;
  error: { code: string | null; constraint: string | null; table: string | null };
}

export interface CommitOptions {
  batchId: string;
  /** Terms of the lanes; empty where no lane is led. */
  terms: ReadonlyMap<number, number>;
  /** Bodies by write id; null: they are in the intake and move inside the database. */
  bodies: ReadonlyMap<string, Write> | null;
  /** All writes are blocked already: those that go on waiting for a lock are left as they are. @default false */
  areBlocked?: boolean;
  burials?: readonly Burial[];
  /** The projections of this process, as the database compares them. @default '': none */
  projections?: string;
}

/** A write that waits for a lock awaits itself: nothing else can wake it but its leader, who tries it again. */
export function waitsForLock({ write, awaits }: Plan['blocked'][number]): boolean {
  return awaits.includes(write.writeId);
}

/** The statements of a plan up to, and without, the COMMIT. Empty if the plan changes nothing. */
export function commitStatements(plan: Plan, options: CommitOptions): Statement[] {
  const statements: Statement[] = [];
  const add = (name: string, count: number, values: () => unknown[]): void => {
    if (count > 0) statements.push({ name, values: values() });
  };
  const { creates, updates, deletes, outcomes, keys, cascade } = plan;
  const { bodies, areBlocked = false, burials = [] } = options;
  const blocked = areBlocked ? plan.blocked.filter((each) => !waitsForLock(each)) : plan.blocked;
  const column = <T, V>(rows: readonly T[], value: (row: T) => V): V[] => rows.map(value);

  const removed = [...plan.removedReferences, ...(cascade?.removedReferences ?? [])];
  add('removeReferences', removed.length, () => [
    column(removed, (row) => row.documentId),
    column(removed, (row) => row.referentialId),
  ]);
  add('removeAliases', deletes.length, () => [column(deletes, (row) => row.documentId)]);
  const renamed = cascade?.removedAliases ?? [];
  add('removeIdentities', renamed.length, () => [renamed]);
  add('removeDocuments', deletes.length, () => [
    column(deletes, (row) => row.documentId),
    column(deletes, (row) => row.version),
  ]);

  // In memory mode the body travels as a parameter, in the intake's mode the write's id stands for it.
  const placed = (changes: readonly DocumentChange[]): unknown[][] => [
    column(changes, ({ state }) => state.lane),
    column(changes, ({ state }) => state.referentialId),
    column(changes, ({ state }) => state.superclassId),
    column(changes, ({ state }) => state.version),
    column(changes, ({ state }) => state.contentHash),
  ];
  const ids = (changes: readonly DocumentChange[]): string[] =>
    column(changes, ({ state }) => state.documentId);
  const writeIds = (changes: readonly DocumentChange[]): string[] =>
    column(changes, ({ writeId }) => writeId);
  const texts = (changes: readonly DocumentChange[]): (string | null)[] =>
    column(changes, ({ writeId }) => bodies?.get(writeId)?.body ?? null);
  const plannedOn = column(updates, ({ state }) => state.base?.version ?? 0);

  if (bodies === null) {
    add('moveUpdates', updates.length, () => [
      ids(updates),
      writeIds(updates),
      ...placed(updates),
      plannedOn,
    ]);
  } else {
    add('updateDocuments', updates.length, () => [
      ids(updates),
      ...placed(updates),
      plannedOn,
      texts(updates),
    ]);
    add('insertDocuments', creates.length, () => {
      const [lanes, ...rest] = placed(creates);
      return [ids(creates), lanes, column(creates, ({ state }) => state.resource), ...rest, texts(creates)];
    });
  }

  const carried = cascade?.documents ?? [];
  add('editDocuments', carried.length, () => [
    column(carried, (row) => row.documentId),
    column(carried, (row) => row.lane),
    column(carried, (row) => row.referentialId),
    column(carried, (row) => row.superclassId),
    column(carried, (row) => row.contentHash),
    column(carried, (row) => row.plannedOn),
    column(carried, (row) => JSON.stringify(row.edits)),
  ]);

  // What is set aside is copied from the intake, which it then leaves.
  for (const { write, attempts, error } of burials) {
    statements.push({ name: 'buryWrite', values: [write.writeId, attempts, JSON.stringify(error)] });
  }
  add('settleWrites', outcomes.length, () => settledValues(plan, options));
  add('insertKeys', keys.length, () => [
    column(keys, ({ write }) => write.client),
    column(keys, ({ write }) => write.idempotencyKey),
    column(keys, ({ fingerprint }) => fingerprint),
    column(keys, ({ write }) => write.writeId),
  ]);
  if (bodies !== null) return statements;

  const { dropped } = plan;
  add('removeIntake', dropped.length, () => [column(dropped, (write) => write.writeId)]);
  const awaiting = [...outcomes.map(({ write }) => write), ...dropped].filter((write) => write.wasBlocked);
  const again = blocked.filter(({ write }) => write.wasBlocked).map(({ write }) => write);
  const cleared = [...awaiting, ...again];
  add('removeAwaited', cleared.length, () => [column(cleared, (write) => write.writeId)]);
  add('blockWrites', blocked.length, () => [column(blocked, ({ write }) => write.writeId)]);
  const awaited = blocked.flatMap(({ write, awaits }) => awaits.map((id) => ({ id, write })));
  add('addAwaited', awaited.length, () => [
    column(awaited, ({ write }) => write.writeId),
    column(awaited, ({ id }) => id),
    column(awaited, ({ write }) => write.lane),
  ]);
  return statements;
}

function settledValues(plan: Plan, options: CommitOptions): unknown[] {
  const { creates, updates, deletes, cascade, outcomes } = plan;
  const changes = creates.length + updates.length + deletes.length;
  const aliases = addedAliasesOf(plan);
  const references = [...plan.addedReferences, ...(cascade?.addedReferences ?? [])];
  const created = new Set(creates.map(({ writeId }) => writeId));
  return [
    ...outcomeValues(outcomes, options),
    outcomes.map(({ write }) => created.has(write.writeId)),
    options.bodies === null,
    aliases.map((row) => row.referentialId),
    aliases.map((row) => row.documentId),
    aliases.map((row) => row.lane),
    references.map((row) => row.documentId),
    references.map((row) => row.referentialId),
    references.map((row) => row.lane),
    // Where no document changes, nothing is derived.
    changes === 0 ? null : (options.projections ?? ''),
  ];
}

/** The identities by which documents are known from now on. */
function addedAliasesOf({ creates, cascade }: Plan): Cascade['addedAliases'] {
  const aliases = creates.flatMap(({ state: { documentId, referentialId, superclassId, lane } }) =>
    [referentialId, superclassId].flatMap((id) =>
      id === null ? [] : [{ referentialId: id, documentId, lane }],
    ),
  );
  return [...aliases, ...(cascade?.addedAliases ?? [])];
}

/** The answers, for `settleWrites` and `insertOutcomes`. */
export function outcomeValues(
  outcomes: Plan['outcomes'],
  { batchId, terms }: Pick<CommitOptions, 'batchId' | 'terms'>,
): unknown[] {
  const of = <V>(value: (outcome: Outcome, write: WriteHeader) => V): V[] =>
    outcomes.map(({ outcome, write }) => value(outcome, write));
  return [
    batchId,
    of((outcome) => outcome.writeId),
    of((_, write) => terms.get(write.lane) ?? null),
    of((_, write) => write.lane),
    of((outcome) => outcome.result),
    of((outcome) => outcome.code),
    of((outcome) => outcome.resource),
    of((_, write) => write.client),
    of((outcome) => outcome.documentId),
    of((outcome) => outcome.version),
    of((outcome) => outcome.contentHash),
    of((outcome) => (outcome.detail === null ? null : JSON.stringify(outcome.detail))),
  ];
}

/** A hint to the writers, if anybody awaits an identity that the plan brings: for who keeps no account of blocked writes. */
export function awaitedHintStatements(plan: Plan): Statement[] {
  const ids = addedAliasesOf(plan).map(({ referentialId }) => referentialId);
  return ids.length === 0 ? [] : [{ name: 'hintAwaited', values: [ids, packIds(ids)], isOptional: true }];
}

/** A hint to the writers, if anybody awaits one of these writes, or an identity that would have come with it. */
export function hintAwaitedOf(writes: readonly WriteHeader[]): Statement {
  const ids = writes.flatMap(({ writeId, referentialId, superclassId }) =>
    superclassId === null ? [writeId, referentialId] : [writeId, referentialId, superclassId],
  );
  return { name: 'hintAwaited', values: [ids, packIds(ids)], isOptional: true };
}

/** Hints to the nodes whose writes are settled, each naming only that node's. */
export function hintStatements(outcomes: Plan['outcomes']): Statement[] {
  const byNode = new Map<number, string[]>();
  for (const { write } of outcomes) {
    const known = byNode.get(write.node);
    if (known === undefined) byNode.set(write.node, [write.writeId]);
    else known.push(write.writeId);
  }
  const nodes: number[] = [];
  const payloads: string[] = [];
  for (const [node, writeIds] of byNode) {
    for (const payload of packIds(writeIds)) {
      nodes.push(node);
      payloads.push(payload);
    }
  }
  return nodes.length === 0 ? [] : [{ name: 'hintNodes', values: [nodes, payloads], isOptional: true }];
}
