/** A named statement of a flight: how it stands to transactions, and which of a flight's answers are waited for. */
import { bareBegin } from './session-settings.ts';

export interface Statement {
  /** Name of a query in sql/queries, or `begin`, `commit`, `rollback`. */
  name: string;
  values?: readonly unknown[];
  /** A failure of this statement fails nothing else: for hints behind a COMMIT. @default false */
  isOptional?: boolean;
}

/** How many statements of a flight have to be answered: all, but for hints behind a COMMIT. */
export function awaitedOf(statements: readonly Statement[]): number {
  const end = statements.findLastIndex(({ isOptional }) => isOptional !== true) + 1;
  return statements[end - 1]?.name === 'commit' ? end : statements.length;
}

/** Statements that have no query of their own. */
export const bareStatements: Readonly<Record<string, string>> = {
  begin: bareBegin,
  commit: 'commit',
  rollback: 'rollback',
  // Deferred constraints of tables that are not ours, told apart from what the COMMIT itself may meet.
  check_constraints: 'set constraints all immediate',
};

/** Whether a statement begins or ends a transaction. */
export function isBoundary(name: string): boolean {
  return name in bareStatements && name !== 'check_constraints';
}

/** Settings hold in a transaction only. What is sent without one needs none: hints, of which no answer is awaited. */
export function needsTransaction(statements: readonly Statement[]): boolean {
  return (
    !statements.some(({ name }) => isBoundary(name)) &&
    statements.some(({ isOptional }) => isOptional !== true)
  );
}
