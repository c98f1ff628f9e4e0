import { laneMax, SluiceError } from '#protocol';
import type { Database } from '#store';

/** @throws {SluiceError} `invalid_request` for a lane that this deployment does not have */
export async function requireLanes(database: Database, lanes: readonly number[]): Promise<void> {
  // PostgreSQL takes no other number as a lane.
  const asked = lanes.filter((lane) => Number.isInteger(lane) && lane >= 0 && lane <= laneMax);
  const known = new Set((await database.run('findLanes', [asked])).map((row) => row['lane'] as number));
  const wrong = lanes.find((lane) => !known.has(lane));
  if (wrong !== undefined)
    throw new SluiceError(
      'invalid_request',
      `Cannot use the lane: this deployment has no lane of this number: ${wrong}`,
    );
}
