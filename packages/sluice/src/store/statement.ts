/** A named statement of a flight, and which of a flight's answers are waited for. */

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
