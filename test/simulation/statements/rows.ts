// What the statements of a simulated server are made of: how a call comes, and how its values become rows.

import type { Row } from 'sluice/internal/store';
import { clock } from '../clock.ts';
import { guards } from '../guards.ts';
import type { Server, ServerSession } from '../server.ts';
import {
  databaseError,
  type Access,
  type LockMode,
  type Steps,
  type TableName,
  type Values,
} from '../tables.ts';

export interface Call {
  access: Access;
  values: readonly unknown[];
  session: ServerSession;
  server: Server;
}

export type Statement = (call: Call) => Steps<Row[]>;

export const now = (): string => new Date(clock.epochMs).toISOString();
export const list = (value: unknown): readonly unknown[] => value as readonly unknown[];
export const texts = (value: unknown): readonly string[] => value as readonly string[];
export const lanesOf = (value: unknown): readonly number[] => value as readonly number[];
export const strings = (value: unknown): ReadonlySet<string> => new Set(texts(value));
export const numbers = (value: unknown): ReadonlySet<number> => new Set(lanesOf(value));
export const text = (row: Values, column: string): string => row[column] as string;
export const number = (row: Values, column: string): number => row[column] as number;

export const by =
  (column: string) =>
  (one: Values, other: Values): number =>
    (one[column] as string) < (other[column] as string) ? -1 : one[column] === other[column] ? 0 : 1;

export const byPosition = (one: Values, other: Values): number =>
  number(one, 'position') - number(other, 'position');

/** Arrays of columns as rows. */
export function unnest(columns: readonly string[], values: readonly unknown[]): Values[] {
  const length = list(values[0]).length;
  return Array.from({ length }, (_, index) =>
    Object.fromEntries(columns.map((column, at) => [column, list(values[at])[index] ?? null])),
  );
}

/** A statement that only reads. */
export const read = (select: (call: Call) => Values[]): Statement =>
  // oxlint-disable-next-line eslint/require-yield
  function* (call) {
    return select(call).map(copy);
  };

/** A client owns what it reads. */
export function copy(row: Values): Row {
  const own: Row = { ...row };
  for (const [name, value] of Object.entries(own)) if (Array.isArray(value)) own[name] = value.slice();
  return own;
}

export function expectRows(planned: number, touched: number): void {
  if (guards.rowCounts && planned !== touched) throw databaseError('SL001');
}

export const provides = (row: Values, id: unknown): boolean =>
  (row['referential_id'] === id || row['superclass_id'] === id) && row['operation'] !== 'delete';

export const isBlocked = (row: Values): boolean => row['blocked_at'] !== null;

export const isDue = (deadline: unknown): boolean =>
  deadline !== null && Date.parse(deadline as string) <= clock.epochMs;

export const outcomeColumns = [
  'result',
  'code',
  'resource',
  'document_id',
  'version',
  'content_hash',
  'detail',
] as const;

export function answerRow(outcome: Values | undefined): Values {
  const answer = Object.fromEntries(outcomeColumns.map((column) => [column, outcome?.[column] ?? null]));
  return {
    ...answer,
    detail: answer['detail'] === null ? null : (JSON.parse(answer['detail'] as string) as unknown),
  };
}

export const noDocument = { document_id: null, version: null, content_hash: null, detail: null };

/** Rows that another transaction has locked are passed over: gives the keys of those of the rows that are. */
export function* lockedAmong(
  { access }: Call,
  name: TableName,
  where: (row: Values) => boolean,
  mode: LockMode,
  keys: readonly string[],
): Steps<Values[]> {
  const keyOf = (row: Values): string => keys.map((key) => String(row[key])).join(' ');
  const order = (one: Values, other: Values): number => (keyOf(one) < keyOf(other) ? -1 : 1);
  const free = yield* access.lockAll(name, where, mode, order, 'skip');
  const isFree = new Set(free.map(({ row }) => keyOf(row)));
  return access.select(name, where).filter((row) => !isFree.has(keyOf(row)));
}

export function* removeCounted(
  call: Call,
  name: TableName,
  ids: readonly unknown[],
  where: (row: Values) => boolean,
  order?: (one: Values, other: Values) => number,
): Steps<Row[]> {
  const removed = yield* call.access.remove(name, where, order);
  expectRows(ids.length, removed.length);
  return [];
}

export const notify = ({ access }: Call, channel: string, payload = ''): void =>
  void access.transaction.notes.push({ channel, payload });

export function keyRows(access: Access, client: unknown, key: unknown): Values[] {
  return access
    .select('idempotency_key', (row) => row['client'] === client && row['key'] === key)
    .flatMap((row) =>
      access
        .select('outcome', ({ write_id }) => write_id === row['write_id'])
        .map((outcome) => ({
          fingerprint: row['fingerprint'],
          write_id: row['write_id'],
          ...answerRow(outcome),
        })),
    );
}
