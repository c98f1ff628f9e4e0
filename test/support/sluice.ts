// Runs the command line as an operator does: as a process, judged by its exit code, its output and what it leaves behind.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';
import { sluiceProgram } from './sluice-program.ts';

export type JsonLine = Record<string, unknown>;

export interface RunningSluice {
  pid: number;
  /** Waits for the line of standard output that tells this event. */
  event(name: string): Promise<JsonLine>;
  /** Waits for a line of standard output. @param isWanted @default any */
  line(isWanted?: (line: JsonLine) => boolean): Promise<JsonLine>;
  /** Reads no more of standard output. */
  closeOutput(): void;
  kill(signal: NodeJS.Signals): void;
  /** Settles when it has ended: exit code (null: killed), last line of standard output, standard error. */
  ended: Promise<{ code: number | null; last: JsonLine; stderr: string }>;
}

/**
 * Starts `sluice … --json`, with no other settings than these.
 * @param atEnd Takes what kills it. @default at the end of the test
 * @param program What runs. @default this checkout's
 */
export function startSluice(
  args: readonly string[],
  settings: Readonly<Record<string, string>> = {},
  atEnd: (kill: () => void) => void = onTestFinished,
  program = sluiceProgram,
): RunningSluice {
  const child = spawn(process.execPath, [program, ...args, '--json'], {
    env: environmentWith(settings),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  atEnd(() => void child.kill('SIGKILL'));
  const lines: JsonLine[] = [];
  const output = createInterface(child.stdout);
  output.on('line', (line) => lines.push(JSON.parse(line) as JsonLine));
  const stderr = child.stderr.setEncoding('utf8').toArray();
  const ended = once(child, 'close').then(async ([code]) => ({
    code: code as number | null,
    last: lines.at(-1) ?? {},
    stderr: (await stderr).join(''),
  }));
  const find = (name: string, isWanted: (line: JsonLine) => boolean): Promise<JsonLine> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = lines.find(isWanted);
        if (found !== undefined) resolve(found);
      };
      look();
      output.on('line', look);
      void ended.then(({ stderr }) => reject(new Error(`sluice ended before it was ${name}: ${stderr}`)));
    });
  return {
    pid: child.pid!,
    event: (name) => find(name, ({ event }) => event === name),
    line: (isWanted = () => true) => find('heard', isWanted),
    closeOutput: () => void child.stdout.destroy(),
    kill: (signal) => void child.kill(signal),
    ended,
  };
}

/** Runs `sluice …` to its end and gives what it says to people. */
export async function readSluice(
  args: readonly string[],
  settings: Readonly<Record<string, string>> = {},
  atEnd: (kill: () => void) => void = onTestFinished,
  program = sluiceProgram,
): Promise<{ code: number | null; text: string; stderr: string }> {
  const child = spawn(process.execPath, [program, ...args], {
    env: environmentWith(settings),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  atEnd(() => void child.kill('SIGKILL'));
  const [text, stderr] = [child.stdout, child.stderr].map((stream) => stream.setEncoding('utf8').toArray());
  const [code] = await once(child, 'close');
  return { code: code as number | null, text: (await text!).join(''), stderr: (await stderr!).join('') };
}

/** No settings but these, whatever the one who runs the tests has set. */
function environmentWith(settings: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(SLUICE_|PG|DATABASE_URL$|PORT$)/.test(name),
  );
  return { ...Object.fromEntries(kept), ...settings };
}

/** A folder for `sluice dev`, removed at the end of the test. */
export async function createDataDir(): Promise<string> {
  const dataDir = await mkdtemp(join(tmpdir(), 'sluice-dev-'));
  onTestFinished(() => rm(dataDir, { recursive: true, force: true }));
  return dataDir;
}

/** The processes that `sluice dev` said it has started, and its PostgreSQL. */
export async function processesOf(started: JsonLine, dataDir: string): Promise<number[]> {
  const processes = started['processes'] as { pid: number }[];
  const [server] = (await readFile(join(dataDir, 'cluster/postmaster.pid'), 'utf8')).split('\n');
  return [...processes.map(({ pid }) => pid), Number(server)];
}
