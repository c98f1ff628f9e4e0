// Runs a command of the command line in this process, because a process of its own costs 0.4 s of CPU. For repeated calls of
// a command that ends by itself, and that the same test or another one starts as a process, too.

import { vi } from 'vitest';
import { reportError } from '../../packages/server/src/cli/process/report-error.ts';
import { createProgramFor } from '../../packages/server/src/cli/program.ts';
import type { JsonLine } from './sluice.ts';

export interface Ended {
  code: number;
  /** The last line of standard output. */
  last: JsonLine;
  stderr: string;
}

const signals: NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGHUP'];

/** Output and environment are those of the process, so commands run one at a time. */
let before: Promise<unknown> = Promise.resolve();

/** Runs `sluice … --json`, with no other settings than these. */
export function readHere(
  args: readonly string[],
  settings: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const ended = before.then(() => readAlone(args, settings));
  before = ended.catch(() => undefined);
  return ended;
}

async function readAlone(
  args: readonly string[],
  settings: Readonly<Record<string, string>>,
): Promise<Ended> {
  const said = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((text) => {
      said[name] += String(text);
      return true;
    }),
  );
  try {
    const code = await runHere([...args, '--json'], settings).then(
      () => Number(process.exitCode ?? 0),
      (error: unknown) => reportError(error, true),
    );
    const last = said.stdout.trim().split('\n').at(-1)!;
    return { code, last: last === '' ? {} : (JSON.parse(last) as JsonLine), stderr: said.stderr };
  } finally {
    for (const spy of spies) spy.mockRestore();
    process.exitCode = undefined;
  }
}

/**
 * Runs a command with no other settings than these, and no configuration file. Throws the error that the command would
 * report.
 */
export async function runHere(
  args: readonly string[],
  settings: Readonly<Record<string, string>> = {},
): Promise<void> {
  for (const name of Object.keys(process.env))
    if (/^(SLUICE_|PG|DATABASE_URL$|PORT$)/.test(name)) vi.stubEnv(name, undefined);
  for (const [name, value] of Object.entries(settings)) vi.stubEnv(name, value);
  const before = new Map(signals.map((signal) => [signal, process.listeners(signal)]));
  const program = await createProgramFor(args);
  try {
    await program.parseAsync([...args, '--config', 'none'], { from: 'user' });
  } finally {
    vi.unstubAllEnvs();
    // A command leaves them to the end of its process.
    for (const [signal, known] of before)
      for (const listener of process.listeners(signal))
        if (!known.includes(listener)) process.off(signal, listener);
  }
}
