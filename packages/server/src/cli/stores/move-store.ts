/**
 * Moves a data store to another database while clients write. Nodes hold its requests back, the writers settle
 * waiting writes, the rows are copied and compared, and the stores file gets the new place. Until then, every failure
 * leaves the store where it was.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { checkRows, listLanes, pauseLanes } from 'sluice/operator';
import { SluiceError } from 'sluice/internal/protocol';
import {
  DatabaseError,
  fenceStore,
  migrate,
  StoreCopy,
  type CopiedTable,
  type CopyProgress,
  type Database,
} from 'sluice/internal/store';
import { counted } from '../operate/text.ts';
import { actor } from '../process/actor.ts';
import { explainError } from '../process/report-error.ts';
import { assertOpen, assertOwner, moveRefusal, refuseOutsiders } from './can-move.ts';
import { editEntry } from './edit-stores.ts';
import { giveBack, isPausedByMove, pausedBy, type GiveBackOptions } from './give-back.ts';
import { openInNodes } from './node-sessions.ts';
import { openBriefly } from './server-watch.ts';
import type { StoreEntry } from './store-entry.ts';
import type { Store } from './stores-file.ts';

export interface MoveOptions extends Omit<GiveBackOptions, 'isAlone' | 'isHeld'> {
  file: string;
  from: Store;
  to: Store;
  /** The entry of the store after the move, from the one that the file has then. */
  entryAfter: (known: StoreEntry) => StoreEntry;
  /** Time for nodes to finish their requests; after it, the move is given up. */
  waitMs: number;
  /** Time in which every node has read a changed file. */
  fileReadMs: number;
  onStep: (step: string) => void;
  onProgress: (progress: CopyProgress) => void;
  signal: AbortSignal;
}

export interface MoveReport {
  tables: CopiedTable[];
  /** Longest wait of the store's requests, in milliseconds, without the time for reading the file again. */
  heldMs: number;
  /** False: the source cannot refuse `--abort` with an old copy of the stores file. */
  isNotedAtSource: boolean;
}

const lookMs = 100;
/** Waiting writes are settled before the copy; if nothing is settled for this long, they move along. */
const drainIdleMs = 5000;
const readyMax = 100_000;

/** @throws {SluiceError} and leaves the store where it was */
export async function moveStore(options: MoveOptions): Promise<MoveReport> {
  const { from } = options;
  const source = openBriefly(from);
  try {
    await assertOwner(source);
    await assertOpen(source);
    await refuseOutsiders(source);
    return await moveAlone(options, source);
  } finally {
    await source.close();
  }
}

async function moveAlone(options: MoveOptions, source: Database): Promise<MoveReport> {
  const { from, to, signal, onStep } = options;
  const { applied } = await migrate({ url: to.url, schema: to.schema }).catch(explainTarget);
  onStep(applied.length > 0 ? 'migrated the target' : 'found the target migrated');
  const copy = await StoreCopy.open(from.listenUrl, to.listenUrl, from.schema);
  let stopped = Promise.resolve();
  const stop = (): void => void (stopped = copy.stop());
  signal.addEventListener('abort', stop);
  try {
    // Another move may have ended between the first check and the lock of the copy.
    await assertOpen(source);
    return await moveHeld(options, source, copy);
  } finally {
    signal.removeEventListener('abort', stop);
    await stopped;
    await copy.close();
  }
}

/** A command that uses two databases says which of them it could not use. */
function explainTarget(error: unknown): never {
  if (error instanceof DatabaseError && error.sqlState === '42501')
    throw moveRefusal(
      'the role of the target lacks a right: use the role that owns the tables there, or may create the schema',
    );
  const explained = explainError(error);
  if (!(explained instanceof SluiceError)) throw error;
  const says = `Cannot move the store: its target cannot be used. ${explained.message}`;
  throw new SluiceError(explained.code, says, { cause: error });
}

async function moveHeld(options: MoveOptions, source: Database, copy: StoreCopy): Promise<MoveReport> {
  const { file, from, entryAfter, onStep, onWait, signal, editWaitMs } = options;
  const { name } = from;
  await editEntry(file, name, marked(name), { waitMs: editWaitMs });
  const heldAt = performance.now();
  try {
    await awaitNodes(options, source);
    await refuseOutsiders(source);
    onStep('nodes have let go of it');
    await drain(source, signal);
    const lanes = (await listLanes(source)).map(({ lane }) => lane);
    if (lanes.length > 0) await pauseLanes(source, lanes, pausedBy());
    await fenceStore(from, { onWait });
    onStep('closed the source');
    const tables = await copyWhole(options, copy);
    // The copy is committed only when the file can be changed. Otherwise it would block the next try.
    const beforeSave = async (): Promise<void> => {
      signal.throwIfAborted();
      await copy.commit();
    };
    const moved = (known: StoreEntry | undefined): StoreEntry => {
      if (known?.moving === true) return entryAfter(known);
      throw moveRefusal('somebody has changed it in the stores file meanwhile');
    };
    await editEntry(file, name, moved, { waitMs: editWaitMs, beforeSave });
    const isNotedAtSource = await noteLeaving(source, from);
    return { tables, heldMs: Math.round(performance.now() - heldAt), isNotedAtSource };
  } catch (error) {
    // Its locks would keep the source closed.
    const isHeld = await copy.rollBack();
    const cause = signal.aborted ? 'stopped before the end' : (error as Error).message;
    await giveBack(file, from, { isHeld, onWait, editWaitMs }).catch((failure: unknown) => {
      const reason = failure instanceof Error ? failure.message : 'an unknown error';
      throw moveRefusal(`${cause}; run it again with --abort, because the source was not opened: ${reason}`);
    });
    if (!signal.aborted) throw error;
    throw new SluiceError('cancelled', 'Stopped before the end: the store stays where it was', {
      cause: error,
    });
  }
}

async function copyWhole(
  { onProgress, onStep, signal, from }: MoveOptions,
  copy: StoreCopy,
): Promise<CopiedTable[]> {
  await copy.copy(onProgress);
  const tables = await copy.verify();
  const found = (await checkRows(copy, { signal })).filter(({ verdict }) => verdict !== 'ok');
  if (found.length > 0)
    throw moveRefusal(`the copy is not whole: ${found.map(({ says }) => says).join('; ')}`);
  const rows = tables.reduce((sum, each) => sum + each.rows, 0);
  onStep(`copied and compared ${counted(rows, 'row')}`);
  const paused = (await copy.run('listLanes')).filter((row) =>
    isPausedByMove(row['paused_by'] as string | null),
  );
  await copy.run('resumeLanes', [paused.map(({ lane }) => lane), pausedBy()]);
  const detail = JSON.stringify(Object.fromEntries(tables.map(({ table, rows }) => [table, rows])));
  await copy.run('recordAction', ['move', actor(), `store ${from.name}`, [], detail]);
  return tables;
}

/** `--abort` with an old copy of the stores file would open the source, and then two databases would take writes of the store. */
async function noteLeaving(source: Database, { name }: Store): Promise<boolean> {
  try {
    await source.run('recordAction', ['leave', actor(), `store ${name}`, [], null]);
    return true;
  } catch {
    return false;
  }
}

const marked =
  (name: string) =>
  (entry: StoreEntry | undefined): StoreEntry => {
    if (entry === undefined) throw moveRefusal('the stores file has it no more');
    if (entry.moving !== true) return { ...entry, moving: true };
    throw moveRefusal(`it is marked as moving already: \`sluice stores move ${name} --abort\` ends that`);
  };

/** Resolves when no node has, or opens, a session in the database of the store. */
async function awaitNodes(
  { from, waitMs, fileReadMs, file, signal }: MoveOptions,
  source: Database,
): Promise<void> {
  const markedAt = performance.now();
  for (;;) {
    signal.throwIfAborted();
    const isOpen = openInNodes(await source.run('readNodeSessions'), [from]).length > 0;
    const since = performance.now() - markedAt;
    if (!isOpen && since >= fileReadMs) return;
    if (isOpen && since >= waitMs)
      throw moveRefusal(
        `nodes still have sessions in its database: do all of them read ${file}, and have requests ended?`,
      );
    await pause(lookMs);
  }
}

async function drain(source: Database, signal: AbortSignal): Promise<void> {
  let least = Infinity;
  for (let leastAt = performance.now(); performance.now() - leastAt < drainIdleMs;) {
    signal.throwIfAborted();
    const [row] = await source.run('countReady', [readyMax]);
    const ready = row?.['writes'] as number;
    if (ready === 0) return;
    if (ready < least) [least, leastAt] = [ready, performance.now()];
    await pause(lookMs);
  }
}
