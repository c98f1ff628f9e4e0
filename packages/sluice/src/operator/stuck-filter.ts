/** Checks a filter, and converts it to parameters of the queries. */
import { isId, laneMax, reasons, SluiceError } from '#protocol';
import type { Database } from '#store';
import type { StuckFilter } from './contract.ts';
import { readClock } from './read-clock.ts';

/** Latest acceptance, lane, client, resource, reason, error. */
export type FilterValues = [string | null, ...unknown[]];

const fields = [
  'olderThanSeconds',
  'lane',
  'client',
  'resource',
  'reason',
  'error',
] as const satisfies (keyof StuckFilter)[];

/** @throws {SluiceError} `invalid_request` for a condition that does not exist, because it would match everything */
export function checkFilter(filter: StuckFilter): void {
  const unknown = Object.keys(filter).find((name) => !(fields as readonly string[]).includes(name));
  if (unknown !== undefined)
    throw new SluiceError('invalid_request', `Cannot filter: ${unknown} is not known`);
}

/** @throws {SluiceError} `invalid_request` */
export async function filterValues(database: Database, filter: StuckFilter): Promise<FilterValues> {
  checkFilter(filter);
  const { olderThanSeconds, lane, client, resource, reason, error } = filter;
  if (olderThanSeconds !== undefined && !(olderThanSeconds >= 0))
    refuse('olderThanSeconds', olderThanSeconds);
  if (lane !== undefined && !(Number.isInteger(lane) && lane >= 0 && lane <= laneMax)) refuse('lane', lane);
  if (reason !== undefined && !Object.hasOwn(reasons, reason)) refuse('reason', reason);
  const now = Date.parse(await readClock(database));
  const acceptedBy = new Date(now - (olderThanSeconds ?? 0) * 1000).toISOString();
  const named = resource === undefined ? null : await resourceOf(database, resource);
  return [acceptedBy, lane ?? null, client ?? null, named, reason ?? null, error ?? null];
}

/** The schema `public` of a target may be left out. */
async function resourceOf(database: Database, name: string): Promise<string> {
  if (/[./]/.test(name)) return name;
  const names = (await database.run('listTargets')).map((row) => row['name'] as string);
  return !names.includes(name) && names.includes(`public.${name}`) ? `public.${name}` : name;
}

function refuse(field: string, value: unknown): never {
  throw new SluiceError('invalid_request', `Cannot filter: ${field} has no such value: ${String(value)}`);
}

/** @throws {SluiceError} `invalid_request` for a malformed id */
export function checkIds(ids: readonly string[]): string[] {
  const wrong = ids.find((id) => !isId(id));
  if (wrong !== undefined)
    throw new SluiceError('invalid_request', `Cannot look for a write: this is not a write id: ${wrong}`);
  return [...new Set(ids.map((id) => id.toLowerCase()))];
}
