/** Pauses lanes: their leaders keep them, and settle nothing in them until they are resumed. */
import { type Database, wakeupOfAll } from '#store';
import { checkActor } from './check-action.ts';
import { requireLanes } from './require-lanes.ts';

/**
 * Waits for the batch under way in the lanes. Returns the lanes that were not paused before.
 * @throws {SluiceError} `invalid_request` for a lane that this deployment does not have
 */
export async function pauseLanes(
  database: Database,
  lanes: readonly number[],
  actor: string,
): Promise<number[]> {
  checkActor(actor);
  await requireLanes(database, lanes);
  return (await database.run('pauseLanes', [lanes, actor])).map((row) => row['lane'] as number);
}

/** Returns the lanes that were paused, and wakes the writers. Throws as {@link pauseLanes} does. */
export async function resumeLanes(
  database: Database,
  lanes: readonly number[],
  actor: string,
): Promise<number[]> {
  checkActor(actor);
  await requireLanes(database, lanes);
  const resumed = (await database.run('resumeLanes', [lanes, actor])).map((row) => row['lane'] as number);
  // To all writers, because a leader ignores hints of lanes that it knows to be paused.
  await database.run('hintWriters', wakeupOfAll).catch(() => undefined);
  return resumed;
}
