/** The writes of an action, in pages: named ones, or all that match and were accepted before the action began. */
import { SluiceError } from '#protocol';
import type { Database } from '#store';
import type { Target } from './action-contract.ts';
import type { StuckFilter } from './contract.ts';
import { readPage } from './list-stuck.ts';
import { checkIds, filterValues } from './stuck-filter.ts';

const pageWrites = 500;

export async function* pagesOf(database: Database, target: Target): AsyncGenerator<string[]> {
  if ('writeIds' in target) {
    const ids = checkIds(target.writeIds);
    for (let from = 0; from < ids.length; from += pageWrites) yield ids.slice(from, from + pageWrites);
    return;
  }
  const values = await filterValues(database, target.matching);
  for (let after = '00000000-0000-0000-0000-000000000000'; ;) {
    const rows = await readPage(database, values, after, pageWrites);
    const ids = rows.map((row) => row['write_id'] as string);
    if (ids.length > 0) yield ids;
    if (ids.length < pageWrites) return;
    after = ids.at(-1) ?? after;
  }
}

/** The target in the form of the audit. */
export function describeTarget(target: Target): { target: string; filter?: StuckFilter } {
  if ('writeIds' in target) return { target: 'named writes' };
  return { target: 'all that match', filter: target.matching };
}

/** @throws {SluiceError} `invalid_request` for a filter without conditions, because it would match everything */
export function refuseEverything(target: Target): void {
  if ('matching' in target && Object.values(target.matching).every((value) => value === undefined)) {
    throw new SluiceError('invalid_request', 'Cannot act on all that match: no filter is given');
  }
}
