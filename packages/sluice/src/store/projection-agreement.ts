/**
 * The projections that a deployment maintains, by name and version. A process that settles writes with other
 * projections would leave derived rows unwritten. So it refuses to start, and the database refuses its batches.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { SluiceError } from '#protocol';
import type { Database } from './database.ts';
import { DatabaseError } from './database-error.ts';
import type { Row } from './session.ts';

export interface AgreedProjection {
  name: string;
  /** @default 1 */
  version?: number;
  /** Endpoints of the resources whose documents the projection reads. */
  resources: readonly string[];
}

/** In the form that the database compares: `a@1,b@2`. */
export function projectionsText(projections: readonly AgreedProjection[]): string {
  return projections
    .map(({ name, version = 1 }) => `${name}@${version}`)
    .sort()
    .join(',');
}

/** A change waits for the batches under way; during each try, new batches wait for at most a second. */
const triesMax = 20;
const pauseMs = 250;

/**
 * Proposes these projections; the first process of a deployment decides.
 * @throws {SluiceError} `deployment_disagrees` if the deployment has agreed on others
 */
export async function agreeProjections(
  database: Database,
  projections: readonly AgreedProjection[],
): Promise<void> {
  assertAgreed(await callAgree(database, projections, false), projections);
}

/**
 * Changes the agreed projections while processes run. Afterwards, processes with other projections settle nothing
 * more.
 * @throws {SluiceError} `database_unavailable` if another session locks `sluice.setting` for too long
 */
export async function changeProjections(
  database: Database,
  projections: readonly AgreedProjection[],
): Promise<void> {
  await callAgree(database, projections, true);
}

async function callAgree(
  database: Database,
  projections: readonly AgreedProjection[],
  isChange: boolean,
): Promise<string> {
  const given = projections.map(({ name, version = 1, resources }) => ({ name, version, resources }));
  for (let tries = 1; ; tries++) {
    try {
      const [row] = await database.run('agreeProjections', [JSON.stringify(given), isChange]);
      return row?.['agreed'] as string;
    } catch (error) {
      if (!(error instanceof DatabaseError) || error.sqlState !== '55P03') throw error;
      if (tries === triesMax) {
        throw new SluiceError(
          'database_unavailable',
          'Cannot agree on projections because a long transaction has read sluice.setting, for example a backup: ' +
            'wait for its end, then try again',
          { cause: error },
        );
      }
      await pause(pauseMs);
    }
  }
}

/** Checks the rows of `readSettings`. @throws {SluiceError} `deployment_disagrees` */
export function assertAgreedProjections(
  settings: readonly Row[],
  projections: readonly AgreedProjection[],
): void {
  const row = settings.find(({ name }) => name === 'projections');
  assertAgreed((row?.['value'] as string | undefined) ?? '', projections);
}

function assertAgreed(agreed: string, projections: readonly AgreedProjection[]): void {
  const own = projectionsText(projections);
  if (agreed === own) return;
  throw new SluiceError(
    'deployment_disagrees',
    `Cannot commit writes because this deployment has agreed on ${listText(agreed)} and this process has ${listText(own)}: give ` +
      'every process the same projections. To change them, deploy the new ones and run `sluice projections agree` with them',
    { detail: { setting: 'projections' } },
  );
}

function listText(text: string): string {
  if (text === '') return 'no projections';
  return `the projection${text.includes(',') ? 's' : ''} ${text.replaceAll(',', ', ')}`;
}

/** The error of a process whose batch the database has refused for its projections. */
export function projectionsDiffer(): SluiceError {
  return new SluiceError(
    'deployment_disagrees',
    'Cannot commit writes because this process has other projections than the deployment has agreed on: ' +
      '`sluice projections` lists them. Restart it with the same --projection options',
    { detail: { setting: 'projections' }, retryAfterSeconds: 1 },
  );
}
