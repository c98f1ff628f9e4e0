/** The faults of a row, by column, found before the database sees it. */
import { SluiceError } from '#protocol';

/** A fault of a row: names and types, never the value. */
export interface RowFault {
  /** `$.column`, `$[3].column`, or the name of an option. */
  path: string;
  message: string;
}

export function refuseRow(target: string, faults: readonly RowFault[]): SluiceError {
  const [first] = faults;
  return new SluiceError(
    'invalid_document',
    `Cannot take the row for ${target}: ${first!.path} ${first!.message}`,
    {
      detail: { target, errors: faults },
    },
  );
}

/** @throws {SluiceError} `invalid_document` where there are faults */
export function assertFaultless(target: string, faults: readonly RowFault[]): void {
  if (faults.length > 0) throw refuseRow(target, faults);
}

/** `$.name`; an unusual name is in brackets. */
export function columnPath(row: number | null, name: string): string {
  const member = /^[A-Za-z_$][\w$-]*$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
  return row === null ? `$${member}` : `$[${row}]${member}`;
}
