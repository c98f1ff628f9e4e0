// Runs seeds in a copy of the product, as processes of their own.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { SeedsReport } from './main.ts';
import { createOverlay, type Fault } from './overlay.ts';

export type { SeedsReport } from './main.ts';

export interface SeedsOptions {
  from: number;
  count: number;
  /** Put into the copy. */
  faults?: readonly Fault[];
  /** Tells the recordings of a seed that fails. */
  onTrace?: (recordings: string) => void;
}

export async function runSeeds({ from, count, faults = [], onTrace }: SeedsOptions): Promise<SeedsReport> {
  const args = [`--from=${from}`, `--count=${count}`, ...(onTrace === undefined ? [] : ['--trace'])];
  const { last, complaints } = await runInOverlay('main.ts', args, faults);
  onTrace?.(complaints);
  return JSON.parse(last) as SeedsReport;
}

/** A seed takes a tenth of a second, on a busy machine some. */
const standstillMs = 120_000;

/** Runs a program of this folder in a copy of the product; its last line of output is its report. */
export async function runInOverlay(
  program: string,
  args: readonly string[],
  faults: readonly Fault[] = [],
): Promise<{ last: string; complaints: string }> {
  const folder = await createOverlay(faults);
  try {
    const child = spawn(
      process.execPath,
      [
        '--conditions=source',
        `--import=${import.meta.resolve('tsx')}`,
        join(folder, 'test/simulation', program),
        ...args,
      ],
      { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    const kill = (): boolean => child.kill('SIGKILL');
    let watchdog = setTimeout(kill, standstillMs);
    child.stdout.on('data', () => {
      clearTimeout(watchdog);
      watchdog = setTimeout(kill, standstillMs);
    });
    const [output, complaints] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close'),
    ]);
    clearTimeout(watchdog);
    const last = output.trim().split('\n').at(-1) ?? '';
    if (child.signalCode === 'SIGKILL') throw new Error(`The simulation stands still: ${last}`);
    if (!last.startsWith('{'))
      throw new Error(`The simulation ended without a report: ${complaints || output}`);
    return { last, complaints };
  } finally {
    await rm(folder, { recursive: true });
  }
}
