/** Notices that the stores file has changed, on every kind of file system: by its times and its size. */
import { unwatchFile, watchFile } from 'node:fs';

/** `sluice stores move` counts on it: a node holds requests back this long after the file has changed, at most. */
export const fileLookMs = 500;

/** @returns ends it */
export function watchStoresFile(file: string, onChange: () => void): () => void {
  const listener = (): void => onChange();
  watchFile(file, { interval: fileLookMs, persistent: false }, listener);
  return () => unwatchFile(file, listener);
}
