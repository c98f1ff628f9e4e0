/** Where tests find the Ed-Fi data, which is no part of the project: they skip where it is absent. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../../', import.meta.url));

export function edFiPath(name: string): string {
  return join(process.env['SLUICE_EDFI_DIR'] ?? join(repository, '../shared/edfi'), name);
}

/** Whether a file of that data is missing; if so, says which tests are skipped. */
export function isAbsent(file: string): boolean {
  if (existsSync(file)) return false;
  console.warn(`Skipped: the tests that read ${file}, which is absent`);
  return true;
}
