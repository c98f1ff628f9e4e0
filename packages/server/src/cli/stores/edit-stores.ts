/** Changes the stores file: one change at a time, checked before it is saved, and never half written. */
import { existsSync } from 'node:fs';
import { open, realpath, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { SluiceError } from 'sluice/internal/protocol';
import type { StoreEntries } from './store-entry.ts';
import { checkEntries, readEntries } from './stores-file.ts';

/** Only its owner can read a new file, because it may contain passwords. */
const newFileMode = 0o600;

/**
 * @param change Returns the new entries.
 * @throws {SluiceError} `configuration_invalid` for entries that no process could use; then the file stays unchanged
 */
export async function editStores(
  named: string,
  change: (entries: StoreEntries) => StoreEntries,
): Promise<void> {
  const isThere = existsSync(named);
  // A symbolic link stays one.
  const file = isThere ? await realpath(named) : named;
  const draft = `${file}.new`;
  const handle = await open(draft, 'wx', newFileMode).catch((cause: unknown) => {
    const { code } = cause as NodeJS.ErrnoException;
    const reason =
      code === 'EEXIST'
        ? `another command edits it; if none does, remove ${draft}`
        : `${draft} cannot be written (${code})`;
    throw new SluiceError('configuration_invalid', `Cannot edit the stores file: ${reason}`, { cause });
  });
  try {
    const entries = change(isThere ? readEntries(file) : {});
    checkEntries(entries, file);
    await handle.writeFile(`${JSON.stringify({ stores: entries }, null, 2)}\n`);
    if (isThere) await keepAccess(handle, file);
    await handle.sync();
    await handle.close();
    await rename(draft, file);
  } catch (error) {
    await handle.close().catch(() => undefined);
    await rm(draft, { force: true });
    throw error;
  }
}

/** The processes that could read the file can read the new one, even if root has edited it. */
async function keepAccess(handle: FileHandle, file: string): Promise<void> {
  const { mode, uid, gid } = await stat(file);
  await handle.chmod(mode & 0o777);
  await handle.chown(uid, gid).catch((error: unknown) => {
    // Only root may give a file away. Others keep the name of the file, and its mode.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
  });
}
