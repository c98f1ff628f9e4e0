/** The body of a request as rows. The text of each value stays, so no number changes. */
import type { JsonScanner } from '../json-scanner.ts';
import { placeText } from '../json-offence.ts';
import { badBody, RestError } from './rest-error.ts';

export interface RestBody {
  text: string;
  /** The parsed rows; their numbers may have lost digits. */
  rows: readonly Record<string, unknown>[];
  isArray: boolean;
}

/** @throws {RestError} */
export function readAnyBody(scanner: JsonScanner, bytes: Buffer): { text: string; value: unknown } {
  const { offence } = scanner.scan(bytes);
  if (offence !== null) {
    throw new RestError('invalid_json', {
      code: 'PGRST102',
      status: 400,
      message:
        bytes.length === 0
          ? 'Empty or invalid json'
          : 'The body is not valid JSON, or PostgreSQL cannot store it unchanged',
      details: `${offence.path} ${offence.message} (${placeText(offence)})`,
    });
  }
  const text = bytes.toString('utf8');
  return { text, value: JSON.parse(text) as unknown };
}

/** @throws {RestError} */
export function readRows(scanner: JsonScanner, bytes: Buffer): RestBody {
  const { text, value } = readAnyBody(scanner, bytes);
  const isArray = Array.isArray(value);
  const rows = isArray ? (value as unknown[]) : [value];
  if (!rows.every(isRow)) throw badBody('The body is neither a row nor an array of rows');
  return { text, rows, isArray };
}

/** Without `columns`, an array has the columns of its first row, as in PostgREST. @throws {RestError} */
export function assertUniform(rows: readonly Record<string, unknown>[]): void {
  const [first, ...others] = rows;
  if (first === undefined) return;
  const names = Object.keys(first);
  const isLike = (row: Record<string, unknown>): boolean =>
    Object.keys(row).length === names.length && names.every((name) => Object.hasOwn(row, name));
  if (!others.every(isLike)) throw badBody('All object keys must match');
}

function isRow(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
