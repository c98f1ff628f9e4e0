/** Runs the statement for a group of writes, and returns the result of each: one row for a write, or several for an array. */
import { cutJson, type Write, type WriteHeader } from '#protocol';
import { parametersOf, type Row } from '#store';
import type { RowForm, TableCatalog } from '#targets';
import { TargetError } from '../coordinator/fault.ts';
import type { LentTransaction } from '../coordinator/lend-session.ts';
import type { Parent, RowState, RowStatement } from './statement-options.ts';

export interface RowFate {
  write: WriteHeader;
  state: RowState;
  /** Values of the key, if the database gave them. */
  key: Record<string, unknown> | null;
  /** The written rows as JSON texts, if the write asked for them. */
  rows: string[] | null;
  /** Of `exists` and `repeated`: the unique rule whose values another row has. */
  constraint: string | null;
  /** The one column of that rule. */
  column: string | null;
  /** With `parent`: for each row the values of its foreign keys without a parent, in the order of {@link parents}. */
  missing: (string[] | null)[][];
  parents: readonly Parent[];
}

export interface Run {
  catalog: TableCatalog;
  form: RowForm;
  statement: RowStatement;
  /** The statement does not look away from a conflict: PostgreSQL refuses it by an error that names the rule. */
  isStrict: boolean;
  /** Statements that find the unique rule of a refused insert: one that names it, and an insert that fails with it. */
  conflict: () => RowStatement;
  strict: () => RowStatement;
  writes: readonly WriteHeader[];
  bodies: ReadonlyMap<string, Write> | null;
  /** Whether this batch brings the row of an identity key later. @default none */
  isBrought?: (id: string) => boolean;
}

export async function runRows(lent: LentTransaction, run: Run): Promise<RowFate[]> {
  const rows = await sendRows(lent, run.statement, run.writes, run);
  const told = rows.flatMap((row) => {
    if (row['state'] === 'total') return [];
    // What a strict insert has not written, a trigger has kept out.
    return [run.isStrict && row['state'] === 'exists' ? { ...row, state: 'unchanged' } : row];
  });
  const fates = fatesOf(run, told);
  const written = told.filter(({ state }) => state === 'created' || state === 'updated').length;
  const total = rows.find((row) => row['state'] === 'total');
  if (total !== undefined) {
    if (totalOf(total).count > written) return changedOf(run, fates, total);
    await assertKept(lent, run, fates);
  }
  const refused = fates.filter(({ state }) => state === 'exists');
  if (refused.length === 0) return fates;
  return nameConflicts(lent, run, fates, refused, written);
}

/** A trigger has given rows other keys than their bodies. Tried alone, a write is known, and an array is not inserted in part. */
function changedOf(run: Run, fates: readonly RowFate[], total: Row): RowFate[] {
  const { form, writes, isStrict } = run;
  const isPartial = form.isArray && form.operation === 'insert' && !isStrict;
  if (writes.length > 1 || isPartial) throw changedKey(run);
  const { state, key, rows } = totalOf(total);
  return fates.map((fate) => ({ ...fate, state, key, rows: form.isReturning ? rows : null }));
}

/** What a statement tells of all rows that it has written. They come in the order of their bodies, unless a trigger has kept some out. */
function totalOf({ missing, key, row }: Row): { count: number } & Pick<RowFate, 'state' | 'key' | 'rows'> {
  const [count, isNew, places] = missing as [number, boolean | null, number[] | null];
  const rows = cutJson((row as string | null) ?? '[]').map(({ text }, at) => ({
    text,
    place: places?.[at] ?? 0,
  }));
  if (places?.length === count) rows.sort((one, other) => one.place - other.place);
  const texts = rows.map(({ text }) => text);
  return { count, state: isNew === true ? 'created' : 'updated', key: key as RowFate['key'], rows: texts };
}

/**
 * A row may have been written with the key of another body, which then looks written, and the row looks kept. Without ON
 * CONFLICT, PostgreSQL refuses such a row, and writes none that a trigger keeps out. The trial is undone.
 */
async function assertKept(lent: LentTransaction, run: Run, fates: readonly RowFate[]): Promise<void> {
  const { catalog, form, writes } = run;
  if (catalog.hasBeforeInsert !== true || !form.ignoresExisting || writes.length === 1) return;
  const kept = fates.filter(({ state }) => state === 'unchanged').map(({ write }) => write);
  const met = await conflictsOf(lent, run, kept);
  const suspects = kept.filter(({ writeId }) => !met.has(writeId));
  if (suspects.length === 0) return;
  const [, rows] = await Promise.all([
    lent.query('savepoint trial'),
    sendRows(lent, run.strict(), suspects, run),
    lent.query('rollback to savepoint trial'),
    lent.query('release savepoint trial'),
  ]);
  if (totalOf(rows.find((row) => row['state'] === 'total')!).count > 0) throw changedKey(run);
}

function changedKey({ catalog }: Run): TargetError {
  return new TargetError(`table ${catalog.name}`, new Error('a trigger changed a key'));
}

export async function sendRows(
  lent: LentTransaction,
  { name, text, encoders, hasDeferred }: RowStatement,
  writes: readonly WriteHeader[],
  { bodies, isBrought = () => false }: Pick<Run, 'bodies' | 'isBrought'>,
): Promise<Row[]> {
  if (writes.length === 0) return [];
  const ids = writes.map(({ writeId }) => writeId);
  const values: unknown[] = [bodies === null ? ids : ids.map((id) => bodies.get(id)?.body ?? null)];
  if (hasDeferred)
    values.push(
      writes.flatMap(({ referenceIds }, index) => (referenceIds.some(isBrought) ? [index + 1] : [])),
    );
  const sent = parametersOf(values, encoders);
  return name === null ? lent.query(text, sent) : lent.prepared(name, text, sent);
}

function fatesOf({ catalog, form, statement, writes }: Run, rows: readonly Row[]): RowFate[] {
  const { isSingle, plainState, parents } = statement;
  const met = form.onConflict ?? catalog.key;
  const fateOf = (write: WriteHeader, own: readonly Row[]): RowFate => {
    // Of two equal rows of an array, the second stands beside the row that the first has written.
    const isWritten = (row: Row): boolean => row['row'] !== null && row['state'] !== 'unchanged';
    const rowsOf = own.filter(isWritten).map((row) => row['row'] as string);
    const state = stateOf(own);
    return {
      write,
      state,
      key: form.isArray ? null : ((own[0]?.['key'] as RowFate['key']) ?? null),
      rows: form.isReturning ? rowsOf : null,
      constraint: state === 'repeated' ? ruleOf(catalog, met) : null,
      column: state === 'repeated' && met.length === 1 ? met[0]! : null,
      missing: own.flatMap((row) => (row['missing'] === null ? [] : [row['missing'] as (string[] | null)[]])),
      parents,
    };
  };
  if (plainState !== null && rows.length === 0) {
    const row = { state: plainState, key: null, row: null, missing: null };
    return writes.map((write) => fateOf(write, [row]));
  }
  const inOrder = rows.toSorted((one, other) => (one['place'] as number) - (other['place'] as number));
  if (isSingle) return writes.map((write) => fateOf(write, inOrder));
  return inOrder.map((row) => fateOf(writes[(row['place'] as number) - 1]!, [row]));
}

/** The name of the unique rule of these columns. */
function ruleOf({ uniques }: TableCatalog, names: readonly string[]): string | null {
  const isSame = (columns: readonly string[]): boolean =>
    columns.length === names.length && columns.every((column) => names.includes(column));
  return (
    uniques.find(({ columns, isPartial }) => !isPartial && columns !== null && isSame(columns))?.name ?? null
  );
}

/** The result of the rows of one write: a refusal of one row refuses all; otherwise the strongest effect counts. */
const weights: readonly RowState[] = [
  'parent',
  'locked',
  'later',
  'exists',
  'repeated',
  'absent',
  'created',
  'updated',
  'deleted',
  'unchanged',
];

function stateOf(rows: readonly Row[]): RowState {
  if (rows.length === 1) return rows[0]!['state'] as RowState;
  const states = new Set(rows.map((row) => row['state'] as RowState));
  return weights.find((state) => states.has(state)) ?? 'unchanged';
}

/**
 * Finds the violated unique rule. If no query can, or more was written than may stay, each such write is tried alone.
 * Without ON CONFLICT, PostgreSQL then names the rule in its error.
 * @param written Number of rows that the statement has written.
 */
async function nameConflicts(
  lent: LentTransaction,
  run: Run,
  fates: readonly RowFate[],
  refused: readonly RowFate[],
  written: number,
): Promise<RowFate[]> {
  const { catalog, form, statement } = run;
  const writes = refused.map(({ write }) => write);
  // A trigger has run for a row that is not written, or some rows of an array were written.
  const hasMore = catalog.hasBeforeInsert === true || (statement.isSingle && form.isArray && written > 0);
  const names = hasMore ? new Map<string, string>() : await conflictsOf(lent, run, writes);
  if (writes.every(({ writeId }) => names.has(writeId)))
    return fates.map((fate) => ({ ...fate, constraint: names.get(fate.write.writeId) ?? null }));
  if (run.writes.length > 1 || written > 0)
    throw new TargetError(`table ${catalog.name}`, new Error('a row was not inserted'));
  return runRows(lent, { ...run, statement: run.strict(), isStrict: true, writes });
}

async function conflictsOf(
  lent: LentTransaction,
  run: Run,
  writes: readonly WriteHeader[],
): Promise<Map<string, string>> {
  const { isArray } = run.form;
  const rows = await sendRows(lent, run.conflict(), writes, run);
  return new Map(
    rows.flatMap((row) => {
      const write = isArray ? writes[0] : writes[(row['place'] as number) - 1];
      return row['name'] === null || write === undefined ? [] : [[write.writeId, row['name'] as string]];
    }),
  );
}
