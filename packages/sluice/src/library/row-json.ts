/** Values of a program as JSON for a table. A value without a JSON form is sent as the text of its type. */
import { Buffer } from 'node:buffer';
import { SluiceError } from '#protocol';

/** A row, or an array of rows. */
export function rowsText(target: string, rows: object): string {
  if (!Array.isArray(rows)) return rowText(target, rows);
  return `[${rows.map((row) => rowText(target, row)).join(',')}]`;
}

/** Columns that are `undefined` are left out. */
export function rowText(target: string, row: unknown): string {
  if (typeof row !== 'object' || row === null || Array.isArray(row))
    throw new SluiceError(
      'invalid_document',
      `Cannot take the row for ${target}: it must be an object of columns`,
      {
        detail: { target, errors: [{ path: '$', message: 'must be an object of columns' }] },
      },
    );
  if (isPlain(row)) return JSON.stringify(row);
  const members = Object.entries(row).flatMap(([name, value]) => {
    const text = valueText(target, name, value);
    return text === undefined ? [] : [`${JSON.stringify(name)}:${text}`];
  });
  return `{${members.join(',')}}`;
}

/** Whether JSON has a form for each value of the row. */
function isPlain(row: object): boolean {
  if ('toJSON' in row) return false;
  for (const value of Object.values(row)) {
    const isJson = typeof value === 'string' || typeof value === 'boolean' || value === null;
    if (!isJson && !Number.isFinite(value)) return false;
  }
  return true;
}

function valueText(target: string, name: string, value: unknown): string | undefined {
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Uint8Array) return JSON.stringify(`\\x${Buffer.from(value).toString('hex')}`);
  // JSON would turn it into null.
  if (typeof value === 'number' && !Number.isFinite(value)) return JSON.stringify(String(value));
  if (value === undefined) return undefined;
  const text = isNoDate(value) ? undefined : jsonText(value);
  if (text !== undefined) return text;
  const message = 'has a value that JSON cannot represent';
  throw new SluiceError('invalid_document', `Cannot take the row for ${target}: ${name} ${message}`, {
    detail: { target, errors: [{ path: `$.${name}`, message }] },
  });
}

/** An invalid date, which JSON would turn into null. */
function isNoDate(value: unknown): boolean {
  return value instanceof Date && Number.isNaN(value.valueOf());
}

/** Undefined if JSON cannot represent the value: a function, a cycle, a bigint inside an object. */
export function jsonText(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}
