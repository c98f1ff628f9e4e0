/** Where tests find the Ed-Fi data, which is no part of the project: they skip where it is absent. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../../../', import.meta.url));

export function edFiPath(name: string): string {
  return join(process.env['SLUICE_EDFI_DIR'] ?? join(repository, '../shared/edfi'), name);
}
