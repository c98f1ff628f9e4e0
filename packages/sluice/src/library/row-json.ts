/** Values of a program as the JSON that a table takes: what JSON has no form for is given as the text of its type. */
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

/** JSON has a form for each of its values. */
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
  // JSON would make them null.
  if (typeof value === 'number' && !Number.isFinite(value)) return JSON.stringify(String(value));
  try {
    return JSON.stringify(value);
  } catch (cause) {
    const message = 'has a value that JSON cannot represent';
    throw new SluiceError('invalid_document', `Cannot take the row for ${target}: ${name} ${message}`, {
      detail: { target, errors: [{ path: `$.${name}`, message }] },
      cause,
    });
  }
}
