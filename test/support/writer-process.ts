// Writers as processes of their own, to be killed and frozen.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { OwnershipForm } from 'sluice/internal/protocol';
import { onTestFinished } from 'vitest';
import { roleUrl } from './postgres.ts';
import { programArgs } from './sluice-program.ts';

const program = fileURLToPath(new URL('./writer-program.ts', import.meta.url));

export interface WriterProcess {
  kill(signal: NodeJS.Signals): void;
  /** Stops it in order. */
  stop(): Promise<void>;
  readonly ended: Promise<void>;
}

export interface WriterProcessOptions {
  ownership?: OwnershipForm;
  /** Id of a write that kills it. */
  poison?: string;
}

/** Starts one; it is killed at the end of the test. */
export function startWriterProcess(
  url: string,
  { ownership, poison }: WriterProcessOptions = {},
): WriterProcess {
  const child = spawn(process.execPath, [...programArgs, program], {
    env: {
      ...process.env,
      DATABASE_URL: roleUrl(url, 'writer'),
      ...(ownership === undefined ? {} : { OWNERSHIP: ownership }),
      ...(poison === undefined ? {} : { POISON: poison }),
    },
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  const ended = once(child, 'exit').then(() => undefined);
  onTestFinished(() => void child.kill('SIGKILL'));
  return {
    ended,
    kill: (signal) => void child.kill(signal),
    async stop() {
      child.stdin.end();
      await ended;
    },
  };
}
