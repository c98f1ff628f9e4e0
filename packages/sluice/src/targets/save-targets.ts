/** Stores the agreed targets in the database, where `sluice.submit` reads them. */
import type { Database } from '#store';
import type { Targets } from './targets.ts';

/** Called by a process whose role has the right, which is a writer. */
export async function saveTargets(database: Database, { all }: Targets): Promise<void> {
  await database.run('saveTargets', [
    all.map(({ name }) => name),
    all.map(({ kind }) => kind),
    all.map((target) => JSON.stringify(target.kind === 'table' ? target.table.key : target.definition.key)),
  ]);
}
