// Row writes as a node puts them into the intake, made without a node.

import { createHash, randomUUID } from 'node:crypto';
import type { Write } from 'sluice/internal/protocol';
import { laneOf } from 'sluice/model';
import type { Session } from 'sluice/internal/store';
import { formText, keyText, rowKey, type RowForm, type TableCatalog } from 'sluice/internal/targets';
import { insertStatements } from '../../packages/sluice/src/client/insert-statements.ts';

export type RowBody = Readonly<Record<string, unknown>>;

export interface RowWriteOptions extends Partial<Omit<RowForm, 'operation' | 'isArray'>> {
  /** Other fields of the write. */
  write?: Partial<Write>;
  /** Tables that foreign keys lead to. */
  tables?: readonly TableCatalog[];
}

/** @param body A row, an array of rows, or, of an update or delete, the key with what changes. */
export function rowWrite(
  table: TableCatalog,
  operation: Write['operation'],
  body: RowBody | readonly RowBody[] | string,
  { write = {}, tables = [], ...form }: RowWriteOptions = {},
): Write {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const parsed = JSON.parse(text) as RowBody | readonly RowBody[];
  const rows: readonly RowBody[] = Array.isArray(parsed) ? parsed : [parsed as RowBody];
  const writeId = randomUUID();
  const given = new Set(rows.flatMap((row) => Object.keys(row)));
  const columns = table.columns.map(({ name }) => name).filter((name) => given.has(name));
  const isChange = operation === 'update' || operation === 'delete';
  const referentialId = identityOf(table, table.key, rows[0] ?? {}) ?? writeId;
  return {
    writeId,
    lane: laneOf(referentialId, null, 16),
    position: 0,
    operation,
    resource: table.name,
    documentId: isChange ? referentialId : writeId,
    referentialId,
    superclassId: null,
    referenceIds: rows.flatMap((row) => referencesOf(table, tables, row)),
    contentHash: createHash('sha256').update(text).digest('hex'),
    ifMatch: null,
    client: 'ann',
    idempotencyKey: null,
    referenceDeadline: null,
    wasBlocked: false,
    node: 1,
    waitedSeconds: null,
    traceparent: null,
    form: formText({
      operation,
      columns: operation === 'delete' ? [] : columns.filter((name) => !isChange || !table.key.includes(name)),
      isArray: Array.isArray(parsed),
      onConflict: null,
      ignoresExisting: false,
      isReturning: false,
      ...form,
    }),
    body: text,
    ...write,
  };
}

/** Null where one of the columns is not given. */
function identityOf(table: TableCatalog, names: readonly string[], row: RowBody): string | null {
  if (names.some((name) => row[name] === undefined || row[name] === null)) return null;
  const types = table.key.map((name) => table.columns.find((column) => column.name === name)!.baseType);
  return rowKey(
    table.name,
    names.map((name, index) => keyText(row[name], types[index]!)),
  );
}

function referencesOf(table: TableCatalog, tables: readonly TableCatalog[], row: RowBody): string[] {
  return table.foreignKeys.flatMap(({ table: name, columns, referencedColumns }) => {
    const parent = tables.find((each) => each.name === name);
    if (parent === undefined || !parent.key.every((column) => referencedColumns.includes(column))) return [];
    const id = identityOf(
      parent,
      parent.key.map((column) => columns[referencedColumns.indexOf(column)]!),
      row,
    );
    return id === null ? [] : [id];
  });
}

/** Puts writes into the intake, in this order. */
export async function insertIntake(session: Session, writes: readonly Write[]): Promise<void> {
  const options = { isDurable: true, withHint: false, isAgain: false, looksForKeys: false };
  await session.flight(insertStatements(writes, { ...options, now: Date.now() }));
}
