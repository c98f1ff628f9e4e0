/** Writes whose rows refer to missing rows: they wait for a write that brings the parent, or are refused. */
import type { MissingReference, Outcome, WriteHeader } from '#protocol';
import { keyText, rowKey } from '#targets';
import { refusal } from '../coordinator/answer.ts';
import type { LentTransaction } from '../coordinator/lend-session.ts';
import type { RowFate } from './run-rows.ts';
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

/** Results by the id of the write. */
export async function fatesOfOrphans(
  lent: LentTransaction,
  batch: readonly WriteHeader[],
  fates: readonly RowFate[],
  unsettled: Unsettled,
): Promise<Map<string, Fate>> {
  const orphans = fates.filter(({ state }) => state === 'parent');
  if (orphans.length === 0) return new Map();
  const absents = new Map(orphans.map((fate) => [fate.write.writeId, absentOf(fate)]));
  const ids = [...new Set([...absents.values()].flat().flatMap(({ id }) => (id === null ? [] : [id])))];
  const own = batch.map(({ writeId }) => writeId);
  const rows = ids.length === 0 ? [] : await lent.run('readAliases', [[], ids, own]);
  const pending = new Set(rows.flatMap((row) => (row['is_pending'] === true ? [row['referential_id']] : [])));
  const fateOf = (write: WriteHeader, absent: readonly Absent[]): Fate => {
    const comes = ({ id }: Absent): boolean => id !== null && (pending.has(id) || unsettled.isBlocked(id));
    const isAhead = ({ id }: Absent): boolean =>
      id !== null && id !== write.referentialId && unsettled.isOpen(id);
    const ahead = absent.filter(isAhead).map(({ id }) => id!);
    if (ahead.length > 0) return { kind: 'deferred', ids: ahead, outcome: unresolved(write, absent) };
    const hasTime = write.referenceDeadline !== null && absent.every(({ id }) => id !== null);
    if (hasTime || absent.every(comes))
      return { kind: 'blocked', awaits: [...new Set(absent.map(({ id }) => id!))] };
    return { kind: 'refused', outcome: unresolved(write, absent) };
  };
  return new Map(orphans.map(({ write }) => [write.writeId, fateOf(write, absents.get(write.writeId)!)]));
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
