/**
 * What all processes of a deployment must agree on: lanes, model, schema, projections. The first one to start decides; a
 * process that differs refuses to start and says how to roll out.
 */
import { SluiceError, type OwnershipForm } from '#protocol';
import type { Database } from './database.ts';
import { DatabaseError } from './database-error.ts';
import { schemaVersion } from './migrate.ts';
import { agreeProjections, type AgreedProjection } from './projection-agreement.ts';

export interface Agreement {
  lanes: number;
  modelHash: string;
  /** How lanes are owned: of interest to writers alone. */
  ownership?: OwnershipForm;
  /** Left out by a process that settles nothing, or only while its projections are the agreed ones. */
  projections?: readonly AgreedProjection[];
}

/** @throws {SluiceError} `deployment_disagrees` or `schema_outdated` */
export async function agree(database: Database, own: Agreement): Promise<void> {
  const proposed: Record<string, string> = {
    lanes: String(own.lanes),
    model_hash: own.modelHash,
    ...(own.ownership === undefined ? {} : { ownership: own.ownership }),
  };
  let rows;
  try {
    await database.run('proposeSettings', [Object.keys(proposed), Object.values(proposed)]);
    rows = await database.run('readSettings');
  } catch (error) {
    if (error instanceof DatabaseError && (error.sqlState === '42P01' || error.sqlState === '3F000')) {
      throw new SluiceError(
        'schema_outdated',
        'Cannot start as the database has no Sluice schema: run `sluice migrate`',
      );
    }
    throw error;
  }
  const agreed = new Map(rows.map((row) => [row['name'] as string, row['value'] as string]));
  for (const [name, value] of Object.entries({ ...proposed, schema_version: String(schemaVersion) })) {
    const found = agreed.get(name) ?? '';
    if (found !== value) {
      throw new SluiceError(
        'deployment_disagrees',
        `Cannot start as ${refusals[name]?.(found, value) ?? name}`,
        {
          detail: { setting: name },
        },
      );
    }
  }
  if (own.projections !== undefined) await agreeProjections(database, own.projections);
  await database.run('createLanes', [own.lanes]);
}

const refusals: Record<string, (found: string, value: string) => string> = {
  lanes: (found, value) =>
    `this database has ${found} lanes and this process wants ${value}: stop all nodes, let the writers drain, then change the setting`,
  model_hash: (found, value) =>
    `this database was loaded with another model (${found.slice(0, 12)}, this process has ${value.slice(0, 12)}): ` +
    'use the same model files everywhere, or another database',
  ownership: (found, value) =>
    `the lanes of this database are owned by ${found} and this process wants ${value}: stop all writers, then ` +
    "`delete from sluice.setting where name = 'ownership'`",
  schema_version: (found, value) =>
    Number(found) < Number(value)
      ? `the database has schema version ${found} and this program needs ${value}: run \`sluice migrate\``
      : `the database has schema version ${found}, newer than this program's ${value}: update the program`,
};
