/** Changes the stores file: one change at a time, checked before it is saved, and never half written. */
import { existsSync, lstatSync } from 'node:fs';
import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { open, realpath, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { SluiceError } from 'sluice/internal/protocol';
import type { StoreEntries, StoreEntry } from './store-entry.ts';
import { checkEntries, readEntries } from './stores-file.ts';

/** Only its owner can read a new file, because it may contain passwords. */
const newFileMode = 0o600;

export interface EditOptions {
  /** Longest wait for another command that edits the file. @default 0 */
  waitMs?: number | undefined;
  /** The last step before the file changes. If it fails, the file stays unchanged. */
  beforeSave?: (() => Promise<void>) | undefined;
}

const lookMs = 50;

/**
 * @param change Returns the new entries.
 * @throws {SluiceError} `configuration_invalid` for entries that no process could use; then the file stays unchanged
 */
export async function editStores(
  named: string,
  change: (entries: StoreEntries) => StoreEntries,
  { waitMs = 0, beforeSave }: EditOptions = {},
): Promise<void> {
  const isLink = lstatSync(named, { throwIfNoEntry: false })?.isSymbolicLink() === true;
  if (!existsSync(named) && isLink) {
    const reason = 'it is a symbolic link that leads nowhere';
    throw new SluiceError('configuration_invalid', `Cannot edit the stores file ${named}: ${reason}`);
  }
  // A symbolic link stays one.
  const file = isLink ? await realpath(named) : named;
  const draft = `${file}.new`;
  const handle = await openDraft(draft, waitMs);
  try {
    // Only now, because another command may have made the file.
    const isThere = existsSync(file);
    const known = isThere ? readEntries(file) : {};
    const entries = change(known);
    if (entries === known) {
      await handle.close();
      return await rm(draft, { force: true });
    }
    checkEntries(entries, file);
    await handle.writeFile(`${JSON.stringify({ stores: entries }, null, 2)}\n`);
    if (isThere) await keepAccess(handle, file);
    await handle.sync();
    await handle.close();
    await beforeSave?.();
    await rename(draft, file);
    await keepName(dirname(file));
  } catch (error) {
    await handle.close().catch(() => undefined);
    await rm(draft, { force: true });
    throw error;
  }
}

/** Otherwise the file could have its old content again after a crash of the machine. */
async function keepName(folder: string): Promise<void> {
  // Not every file system opens or syncs a folder, and the file has changed already.
  const handle = await open(folder, 'r').catch(() => null);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

/**
 * Removes the draft that a killed move of this store has left. The caller ensures that no move of the store runs. A draft of
 * another command stays.
 */
export async function removeDraftOfMove(named: string, name: string): Promise<void> {
  const file = await realpath(named);
  const draft = `${file}.new`;
  let left: StoreEntries;
  try {
    left = readEntries(draft);
  } catch {
    return;
  }
  const { [name]: moved, ...others } = left;
  const { [name]: known, ...knownOthers } = readEntries(file);
  if (known?.moving !== true || moved === undefined || moved.moving === true) return;
  if (isDeepStrictEqual(others, knownOthers)) await rm(draft, { force: true });
}

const editWaitMs = 5000;

/**
 * Changes one entry, and waits for another command that edits the file.
 * @param change Returns the new entry; undefined: the file stays unchanged.
 */
export async function editEntry(
  file: string,
  name: string,
  change: (entry: StoreEntry | undefined) => StoreEntry | undefined,
  { waitMs = editWaitMs, beforeSave }: EditOptions,
): Promise<void> {
  const changed = (entries: StoreEntries): StoreEntries => {
    const entry = change(entries[name]);
    return entry === undefined ? entries : { ...entries, [name]: entry };
  };
  await editStores(file, changed, { waitMs, beforeSave });
}

/** Only one command at a time has the draft. @throws {SluiceError} `configuration_invalid` */
async function openDraft(draft: string, waitMs: number): Promise<FileHandle> {
  for (const since = performance.now(); ; await pause(lookMs)) {
    try {
      return await open(draft, 'wx', newFileMode);
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      if (code === 'EEXIST' && performance.now() - since < waitMs) continue;
      const reason =
        code === 'EEXIST'
          ? `another command edits it${await sinceOf(draft)}; if none does, remove ${draft}`
          : `${draft} cannot be written (${code})`;
      throw new SluiceError('configuration_invalid', `Cannot edit the stores file: ${reason}`, { cause });
    }
  }
}

async function sinceOf(draft: string): Promise<string> {
  const found = await stat(draft).catch(() => null);
  return found === null ? '' : ` since ${found.mtime.toISOString()}`;
}

type Draft = Pick<FileHandle, 'chmod' | 'chown'> & { stat: () => Promise<{ gid: number }> };

/** The processes that could read the file can read the new one, even if root or a member of its group has edited it. */
export async function keepAccess(draft: Draft, file: string): Promise<void> {
  const { mode, uid, gid } = await stat(file);
  // Only root may give a file away. A member of its group may leave it to the group.
  if (!(await tryChown(draft, uid, gid))) await tryChown(draft, -1, gid);
  // Another group may not read the passwords.
  const isOfGroup = (await draft.stat()).gid === gid;
  await draft.chmod(mode & (isOfGroup ? 0o777 : 0o707));
}

/** Not allowed here, or not possible in this file system or user namespace. */
const refusals = new Set(['EPERM', 'EINVAL', 'ENOTSUP', 'ENOSYS']);

async function tryChown(draft: Draft, uid: number, gid: number): Promise<boolean> {
  try {
    await draft.chown(uid, gid);
    return true;
  } catch (error) {
    if (!refusals.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
    return false;
  }
}
