/** Finds values of a row that the table certainly refuses, before the intake. Only the database can check the rest. */
import type { ValueFault } from './check-value.ts';
import { columnPath, type RowFault } from './refuse-row.ts';
import type { RowTable } from './row-table.ts';

/** Most faults of one request that an error lists. */
export const faultsMax = 20;

interface CheckOptions {
  /** Index of the row in its array; null: it is alone. */
  place: number | null;
  /** The row is inserted: missing columns get their default. */
  isNew: boolean;
}

export function checkRow(
  table: RowTable,
  values: Readonly<Record<string, unknown>>,
  { place, isNew }: CheckOptions,
  faults: RowFault[],
): void {
  const note = (name: string, fault: ValueFault): void => {
    if (faults.length < faultsMax) faults.push({ path: columnPath(place, name), ...fault });
  };
  for (const name of Object.keys(values)) {
    const { refusal, isKey, isRequired, check } = table.columns.get(name)!;
    const value = values[name];
    if (refusal !== null && (isNew || !isKey)) note(name, refusal);
    else if (value === null) {
      if (isRequired) note(name, { message: 'must not be null', sqlState: '23502' });
    } else {
      const fault = unstorable(value) ?? check?.(value) ?? null;
      if (fault !== null) note(name, fault);
    }
  }
  if (!isNew) return;
  for (const name of table.required)
    // Each object inherits members, such as `constructor`.
    if (!Object.hasOwn(values, name) || values[name] === undefined)
      note(name, { message: 'is missing, and has no default', sqlState: '23502' });
}

/** Text that neither `jsonb` nor `text` can hold. */
function unstorable(value: unknown): ValueFault | null {
  if (typeof value === 'string') {
    if (value.includes('\0')) return unstorableText('has the character NUL');
    return value.isWellFormed() ? null : unstorableText('has half of a surrogate pair');
  }
  if (typeof value !== 'object' || value === null) return null;
  for (const [name, member] of Object.entries(value)) {
    const fault = unstorable(name) ?? unstorable(member);
    if (fault !== null) return fault;
  }
  return null;
}

function unstorableText(what: string): ValueFault {
  return { message: `${what}, which PostgreSQL cannot store`, sqlState: '22P05' };
}
