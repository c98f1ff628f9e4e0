/** Writes whose rows refer to missing rows: they wait for a write that brings the parent, or are refused. */
import type { MissingReference, Outcome, WriteHeader } from '#protocol';
import { keyText, rowKey } from '#targets';
import { refusal } from '../coordinator/answer.ts';
import type { LentTransaction } from '../coordinator/lend-session.ts';
import { runRows, type RowFate, type Run } from './run-rows.ts';
import type { Parent } from './statement-options.ts';

/** The result of such a write. */
export type Fate =
  | { kind: 'blocked'; awaits: string[] }
  /** The parent's write is in the same batch, and not settled yet. */
  | { kind: 'deferred'; ids: string[]; outcome: Outcome }
  | { kind: 'refused'; outcome: Outcome };

/** The unsettled writes of the batch, by identity key. */
export interface Unsettled {
  isOpen: (id: string) => boolean;
  isBlocked: (id: string) => boolean;
}

interface Absent {
  parent: Parent;
  /** Null: the foreign key does not refer to the key of its table. */
  id: string | null;
}

/** The results of the rows of a group, and of those without a parent by the id of the write. */
export interface RunResult {
  fates: readonly RowFate[];
  orphans: ReadonlyMap<string, Fate>;
}

/**
 * Runs the statement of a group, and decides its writes without a parent. Another leader may commit the parent, and so
 * take its write out of the intake, after the statement and before this look at the intake. So before a refusal the
 * statement runs once more: it must still miss a parent that was not pending. It never runs a third time, because a
 * default may give another value each time.
 */
export async function runChildren(
  lent: LentTransaction,
  batch: readonly WriteHeader[],
  run: Run,
  unsettled: Unsettled,
): Promise<RunResult> {
  const own = batch.map(({ writeId }) => writeId);
  /** Whether a write in the intake brings the row, by identity key. */
  const pending = new Map<string, boolean>();
  const fates: RowFate[] = [];
  const orphans = new Map<string, Fate>();
  const repeated = new Set<WriteHeader>();
  for (let writes = run.writes; writes.length > 0;) {
    const ran = await runRows(lent, { ...run, writes });
    fates.push(...ran.filter(({ state }) => state !== 'parent'));
    const missed = ran
      .filter(({ state }) => state === 'parent')
      .map((fate) => ({ fate, absent: absentOf(fate) }));
    const ids = missed.flatMap(({ absent }) => absent.flatMap(({ id }) => (id === null ? [] : [id])));
    const fresh = new Set(ids.filter((id) => !pending.has(id)));
    const rows = fresh.size === 0 ? [] : await lent.run('readAliases', [[], [...fresh], own]);
    for (const row of rows) pending.set(row['referential_id'] as string, row['is_pending'] === true);
    const again: WriteHeader[] = [];
    for (const { fate, absent } of missed) {
      const { write } = fate;
      const decided = fateOf(write, absent, unsettled, (id) => pending.get(id) === true);
      const isNews = absent.some(({ id }) => id !== null && fresh.has(id));
      if (decided.kind === 'refused' && isNews && !repeated.has(write)) {
        again.push(write);
        repeated.add(write);
        continue;
      }
      fates.push(fate);
      orphans.set(write.writeId, decided);
    }
    writes = again;
  }
  return { fates, orphans };
}

function fateOf(
  write: WriteHeader,
  absent: readonly Absent[],
  { isBlocked, isOpen }: Unsettled,
  isPending: (id: string) => boolean,
): Fate {
  const comes = ({ id }: Absent): boolean => id !== null && (isPending(id) || isBlocked(id));
  const isAhead = ({ id }: Absent): boolean => id !== null && id !== write.referentialId && isOpen(id);
  const ahead = absent.filter(isAhead).map(({ id }) => id!);
  if (ahead.length > 0) return { kind: 'deferred', ids: ahead, outcome: unresolved(write, absent) };
  const hasTime = write.referenceDeadline !== null && absent.every(({ id }) => id !== null);
  if (hasTime || absent.every(comes))
    return { kind: 'blocked', awaits: [...new Set(absent.map(({ id }) => id!))] };
  return { kind: 'refused', outcome: unresolved(write, absent) };
}

function absentOf({ missing, parents }: RowFate): Absent[] {
  const found = new Map<string, Absent>();
  for (const row of missing) {
    row.forEach((values, index) => {
      const parent = parents[index];
      if (values === null || parent === undefined) return;
      const absent = { parent, id: idOf(parent, values) };
      found.set(`${index} ${absent.id ?? ''}`, absent);
    });
  }
  return [...found.values()];
}

/** The identity key of the parent row. */
function idOf({ foreignKey, catalog }: Parent, values: readonly string[]): string | null {
  const { referencedColumns } = foreignKey;
  if (referencedColumns.length !== catalog.key.length) return null;
  const texts = catalog.key.map((name) => {
    const value = values[referencedColumns.indexOf(name)];
    const baseType = catalog.columns.find((column) => column.name === name)?.baseType ?? '';
    return value === undefined ? null : keyText(value, baseType);
  });
  const known = texts.filter((text) => text !== null);
  return known.length < texts.length ? null : rowKey(catalog.name, known);
}

const missingToldMax = 1000;

function unresolved(write: WriteHeader, absent: readonly Absent[]): Outcome {
  const missing = absent.slice(0, missingToldMax).flatMap(({ id, parent }): MissingReference[] => {
    const path = parent.foreignKey.columns.map((name) => `$.${name}`).join(', ');
    return id === null ? [] : [{ referentialId: id, resource: parent.catalog.name, path }];
  });
  const { name, columns } = absent[0]!.parent.foreignKey;
  const database = { sqlState: '23503', constraint: name, column: columns.length === 1 ? columns[0]! : null };
  return refusal(write, 'unresolved_reference', { missing, database });
}

/** A write that is deferred because the batch has the writes of its parents, and its refusal if these cannot go first. */
export interface Orphan {
  write: WriteHeader;
  ids: readonly string[];
  outcome: Outcome;
}

/**
 * The writes that wait for each other in a cycle, or for such a write: none of them can ever go first.
 * @param bringersOf Unsettled writes of the batch that would bring a row.
 */
export function circlesOf(
  orphans: readonly Orphan[],
  bringersOf: (id: string) => readonly WriteHeader[],
): Orphan[] {
  let hopeless = [...orphans];
  for (;;) {
    const writes = new Set(hopeless.map(({ write }) => write));
    const isHopeless = (id: string): boolean => {
      const bringers = bringersOf(id);
      return bringers.length > 0 && bringers.every((write) => writes.has(write));
    };
    const left = hopeless.filter(({ ids }) => ids.some(isHopeless));
    if (left.length === hopeless.length) return left;
    hopeless = left;
  }
}
