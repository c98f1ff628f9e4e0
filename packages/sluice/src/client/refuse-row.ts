/** The faults of a row, by column, found before the database sees it. */
import { SluiceError } from '#protocol';

/** A fault of a row: names and types, never the value. */
export interface RowFault {
  /** `$.column`, `$[3].column`, or the name of an option. */
  path: string;
  message: string;
  /** What PostgreSQL would answer. @default '22P02': no text of the type */
  sqlState?: string;
}

export function refuseRow(target: string, faults: readonly RowFault[]): SluiceError {
  const [first] = faults;
  return new SluiceError(
    'invalid_document',
    `Cannot take the row for ${target}: ${first!.path} ${first!.message}`,
    {
      detail: {
        target,
        ...(first!.sqlState === undefined ? {} : { sqlState: first!.sqlState }),
        errors: faults.map(({ path, message }) => ({ path, message })),
      },
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
