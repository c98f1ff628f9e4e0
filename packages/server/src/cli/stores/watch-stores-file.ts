/** Notices changes of the stores file on every kind of file system, by its times and its size. */
import { unwatchFile, watchFile } from 'node:fs';

/** Longest time until a node reads a changed file, on which `sluice stores move` depends. */
export const fileLookMs = 500;

/** @returns a function that ends it */
export function watchStoresFile(file: string, onChange: () => void): () => void {
  const listener = (): void => onChange();
  watchFile(file, { interval: fileLookMs, persistent: false }, listener);
  return () => unwatchFile(file, listener);
}
