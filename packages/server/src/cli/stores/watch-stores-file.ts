/** Notices changes of the stores file, and of the files that it names, on every kind of file system, by their times and sizes. */
import { unwatchFile, watchFile } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { checkEntries, readEntries } from './stores-file.ts';

/** Longest time until a node reads a changed file, on which `sluice stores move` depends. */
export const fileLookMs = 500;

/** @returns a function that ends it */
export function watchStoresFile(file: string, onChange: () => void): () => void {
  let watched: readonly string[] = [];
  const watchOnly = (files: readonly string[]): void => {
    for (const each of watched) if (!files.includes(each)) unwatchFile(each, listener);
    for (const each of files)
      if (!watched.includes(each)) watchFile(each, { interval: fileLookMs, persistent: false }, listener);
    watched = files;
  };
  const listener = (): void => {
    watchOnly(filesOf(file) ?? watched);
    onChange();
  };
  watchOnly(filesOf(file) ?? [file]);
  return () => watchOnly([]);
}

/** The stores file, and the files of its URLs; null: the file cannot be used. */
function filesOf(file: string): string[] | null {
  try {
    const named = checkEntries(readEntries(file), file).flatMap(({ entry }) =>
      [entry.databaseUrlFile, entry.listenUrlFile, entry.operatorUrlFile].flatMap((path) =>
        path === undefined ? [] : [resolve(dirname(file), path)],
      ),
    );
    return [...new Set([file, ...named])];
  } catch {
    return null;
  }
}
