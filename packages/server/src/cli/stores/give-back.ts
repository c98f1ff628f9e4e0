/** Gives a move up: opens the source again, resumes the lanes that the move has paused, and takes the mark from the file. */
import { listLanes, resumeLanes } from 'sluice/operator';
import { SluiceError } from 'sluice/internal/protocol';
import { unfenceStore, type Database, type LockWaitOptions } from 'sluice/internal/store';
import { actor } from '../process/actor.ts';
import { editEntry, removeDraftOfMove } from './edit-stores.ts';
import { openBriefly } from './server-watch.ts';
import type { StoreEntry } from './store-entry.ts';
import type { Store } from './stores-file.ts';

/** The reason of the pause, so that only lanes paused by this move are resumed. */
export const pausedBy = (): string => `${actor()} (sluice stores move)`;
export const isPausedByMove = (name: string | null): boolean =>
  name?.endsWith('(sluice stores move)') === true;

export interface GiveBackOptions {
  /** Refuses if no move is unfinished. @default false */
  isAlone?: boolean;
  /** The session that began the move still lives, so no other command can have begun one. @default false */
  isHeld?: boolean;
  /** Longest wait for another command that edits the stores file. @default 5000 */
  editWaitMs?: number | undefined;
  /** Receives the sessions whose locks keep the source closed. */
  onWait?: LockWaitOptions['onWait'] | undefined;
}

/**
 * Opens the source again after an unfinished move.
 * @throws {SluiceError} if `isAlone` does not hold, or if another command moves the store or has moved it
 */
export async function giveBack(
  file: string,
  from: Store,
  { isAlone = false, isHeld = false, onWait, editWaitMs }: GiveBackOptions,
): Promise<void> {
  const source = openBriefly(from);
  try {
    if (isAlone) await assertUnfinished(source, from);
    await unfenceStore(from, { isAlone: !isHeld, onWait });
    const paused = await lanesPausedByMove(source);
    if (paused.length > 0) await resumeLanes(source, paused, pausedBy());
  } finally {
    await source.close();
  }
  if (isAlone) await removeDraftOfMove(file, from.name);
  const opened = (entry: StoreEntry | undefined): StoreEntry | undefined => {
    const { moving, ...others } = entry ?? {};
    return moving === undefined ? undefined : others;
  };
  await editEntry(file, from.name, opened, { waitMs: editWaitMs });
}

async function lanesPausedByMove(source: Database): Promise<number[]> {
  return (await listLanes(source)).flatMap(({ lane, pausedBy }) => (isPausedByMove(pausedBy) ? [lane] : []));
}

/** After a finished move, `--abort` would tell its caller that the old place is in use. */
async function assertUnfinished(source: Database, { isMoving, server, database }: Store): Promise<void> {
  if (isMoving || (await source.run('listFencedTables')).length > 0) return;
  if ((await lanesPausedByMove(source)).length > 0) return;
  throw new SluiceError(
    'configuration_invalid',
    `Cannot give up the move: there is no unfinished move, and the store is at ${server}/${database}`,
  );
}
