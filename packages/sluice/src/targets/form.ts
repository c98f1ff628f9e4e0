/**
 * The form of a row write: the statement that it needs. The intake stores it as text, so that a writer sorts a batch
 * without reading bodies. Writes of one form and target are settled by one statement.
 */
import type { RowOperation } from '#protocol';

export interface RowForm {
  operation: RowOperation;
  /** The columns of the body, in the order of the table; of an update, without the key columns; of a delete, none. */
  columns: readonly string[];
  /** The body is an array of rows. */
  isArray: boolean;
  /** Upsert: columns of the unique constraint by which existing rows are found; null: the target's key. */
  onConflict: readonly string[] | null;
  /** Upsert: an existing row stays unchanged. */
  ignoresExisting: boolean;
  /** The outcome contains the rows. */
  isReturning: boolean;
}

/** Equal forms have equal texts. */
export function formText(form: RowForm): string {
  const { operation, columns, isArray, onConflict, ignoresExisting, isReturning } = form;
  const flags = (isArray ? 'a' : '') + (ignoresExisting ? 'i' : '') + (isReturning ? 'r' : '');
  return JSON.stringify([operation, flags, columns, ...(onConflict === null ? [] : [onConflict])]);
}

/** @throws {Error} for a text of another form, because only nodes write it */
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
