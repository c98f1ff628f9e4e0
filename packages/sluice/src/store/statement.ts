/** A named statement of a flight: whether it needs a transaction, and which answers of a flight are awaited. */
import type pg from 'pg';
import { DatabaseError } from './database-error.ts';
import { foreignTimes } from './session-settings.ts';

export interface Statement {
  /** Name of a query in sql/queries, or of one of {@link bareStatements}, or `begin`. */
  name: string;
  values?: readonly unknown[];
  /** A failure of this statement has no effect on others: for hints after a COMMIT. @default false */
  isOptional?: boolean;
}

export type Row = Record<string, unknown>;

export interface StatementResult {
  rows: Row[];
}

/** @throws {DatabaseError} the server answers a `commit` with ROLLBACK */
export function resultOf(name: string, { rows, command }: pg.QueryResult<Row>): StatementResult {
  if (name === 'commit' && command !== 'COMMIT') {
    throw new DatabaseError({
      sqlState: '25P02',
      statement: name,
      message: 'the transaction was rolled back',
    });
  }
  return { rows };
}

/** How many statements of a flight must be answered: all, except hints after a COMMIT. */
export function awaitedOf(statements: readonly Statement[]): number {
  const end = statements.findLastIndex(({ isOptional }) => isOptional !== true) + 1;
  return statements[end - 1]?.name === 'commit' ? end : statements.length;
}

/** Statements without a query of their own. The session adds `begin` (transaction-start.ts). */
export const bareStatements: Readonly<Record<string, string>> = {
  commit: 'commit',
  rollback: 'rollback',
  foreign_times: foreignTimes,
  // Checks deferred constraints of tables outside of Sluice, so that their errors are told from those of the COMMIT. Deferred
  // triggers are other code, too.
  check_constraints: `${foreignTimes}; set constraints all immediate`,
};

/** Whether a statement begins or ends a transaction. */
export function isBoundary(name: string): boolean {
  return name === 'begin' || name === 'commit' || name === 'rollback';
}

/** Whether settings are needed, which exist in a transaction only. Only hints, whose answers are not awaited, go without. */
export function needsTransaction(statements: readonly Statement[]): boolean {
  return (
    !statements.some(({ name }) => isBoundary(name)) &&
    statements.some(({ isOptional }) => isOptional !== true)
  );
}
