// Runs a command in the process of the test: for commands that end soon and say little.

import { createProgram } from '@sluice/server/cli';
import { vi } from 'vitest';

/** Only these settings count, and no configuration file. */
export async function runHere(
  args: readonly string[],
  settings: Readonly<Record<string, string>> = {},
): Promise<void> {
  for (const name of Object.keys(process.env))
    if (/^(SLUICE_|PG|DATABASE_URL$)/.test(name)) vi.stubEnv(name, '');
  for (const [name, value] of Object.entries(settings)) vi.stubEnv(name, value);
  const program = await createProgram();
  await program.parseAsync([...args, '--config', 'none'], { from: 'user' }).finally(() => vi.unstubAllEnvs());
}
