/**
 * The form of a row write: which statement it needs. It stands in the intake as text, so that a writer sorts a batch by it
 * without reading bodies. Writes of one form and target are settled by one statement.
 */
import type { RowOperation } from '#protocol';

export interface RowForm {
  operation: RowOperation;
  /** The columns that the body has, in the order of the table; of an update without those of the key; of a delete none. */
  columns: readonly string[];
  /** The body is an array of rows. */
  isArray: boolean;
  /** Upsert: columns of the unique constraint whose rows are met; null: the target's key. */
  onConflict: readonly string[] | null;
  /** Upsert: a row that exists is left as it is. */
  ignoresExisting: boolean;
  /** The outcome has the rows. */
  isReturning: boolean;
}

/** Equal forms have equal texts. */
export function formText(form: RowForm): string {
  const { operation, columns, isArray, onConflict, ignoresExisting, isReturning } = form;
  const flags = (isArray ? 'a' : '') + (ignoresExisting ? 'i' : '') + (isReturning ? 'r' : '');
  return JSON.stringify([operation, flags, columns, ...(onConflict === null ? [] : [onConflict])]);
}

/** @throws {Error} if the text is of no form: only nodes write it */
export function parseForm(text: string): RowForm {
  const [operation, flags, columns, onConflict = null] = JSON.parse(text) as [
    RowOperation,
    string,
    string[],
    (string[] | null)?,
  ];
  return {
    operation,
    columns,
    isArray: flags.includes('a'),
    onConflict,
    ignoresExisting: flags.includes('i'),
    isReturning: flags.includes('r'),
  };
}
