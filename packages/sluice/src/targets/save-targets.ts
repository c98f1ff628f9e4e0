/** Tells the database the targets that the deployment has agreed on: `sluice.submit` reads them there. */
import type { Database } from '#store';
import type { Targets } from './targets.ts';

/** By a process whose role may, which is a writer. */
export async function saveTargets(database: Database, { all }: Targets): Promise<void> {
  await database.run('saveTargets', [
    all.map(({ name }) => name),
    all.map(({ kind }) => kind),
    all.map((target) => JSON.stringify(target.kind === 'table' ? target.table.key : target.definition.key)),
  ]);
}
