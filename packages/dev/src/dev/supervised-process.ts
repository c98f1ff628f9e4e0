/**
 * A command of Sluice as a process that is kept running: after an end it is started again, with growing pauses. It
 * has a process group of its own, so that Ctrl-C reaches only the supervisor, and all stops in order. It watches its
 * standard input, which closes when the supervisor ends in any way.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { SluiceError, type ErrorCode } from 'sluice/internal/protocol';
import { finishWithin } from '@sluice/server/cli';

const backoffMs = { first: 200, longest: 10_000 };
/** A process that has lived this long did not fail at its start. */
const settledMs = 10_000;

export interface SupervisedProcessOptions {
  /** `api-1` */
  name: string;
  /** Arguments of `sluice`, without `--json` and `--stop-with-stdin`. They may depend on the last URL, to keep a port. */
  args: (lastUrl: string | null) => string[];
  environment: NodeJS.ProcessEnv;
  /** File for standard error. */
  logFile: string;
  /** Called when a ready process has ended, and when the next one is ready. */
  onEvent: (sentence: string) => void;
  /** The script that Node runs. */
  program: string;
}

interface Ready {
  url: string | null;
}

interface Refusal {
  code: ErrorCode;
  message: string;
}

export class SupervisedProcess {
  readonly name: string;
  readonly #options: SupervisedProcessOptions;
  readonly #stopping = new AbortController();
  #child: ChildProcess | null = null;
  #exited: Promise<string> = Promise.resolve('');
  #url: string | null = null;
  #restarts = 0;
  #watching: Promise<void> = Promise.resolve();

  constructor(options: SupervisedProcessOptions) {
    this.name = options.name;
    this.#options = options;
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** The URL of a node. */
  get url(): string | null {
    return this.#url;
  }

  get restarts(): number {
    return this.#restarts;
  }

  /** Waits until it is ready. Throws the process's own message if it ends before; later it is kept running. */
  async start(): Promise<void> {
    await this.#spawnUntilReady();
    this.#watching = this.#watch();
  }

  /** Lets it finish its work, then ends it. */
  async stop(timeoutMs: number): Promise<void> {
    this.#stopping.abort();
    this.#child?.kill('SIGTERM');
    if (!(await finishWithin(this.#exited, timeoutMs))) this.kill();
    await this.#watching;
    await this.#exited;
  }

  /** Kills it, and everything that it has started. */
  kill(): void {
    this.#stopping.abort();
    const { pid } = this;
    if (pid === null) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      this.#child?.kill('SIGKILL');
    }
  }

  async #watch(): Promise<void> {
    let attempt = 0;
    while (!this.#stopping.signal.aborted) {
      const started = performance.now();
      const how = await this.#exited;
      if (this.#stopping.signal.aborted) return;
      attempt = performance.now() - started > settledMs ? 0 : attempt + 1;
      this.#options.onEvent(`${this.name} has ended (${how}) and is restarted`);
      await pause(Math.min(backoffMs.longest, backoffMs.first * 2 ** attempt), undefined, {
        signal: this.#stopping.signal,
      }).catch(() => undefined);
      if (this.#stopping.signal.aborted) return;
      this.#restarts += 1;
      try {
        await this.#spawnUntilReady();
        this.#options.onEvent(`${this.name} is back (process ${this.pid})`);
      } catch (error) {
        // The next round notices that it has ended.
        this.#options.onEvent(error instanceof Error ? error.message : String(error));
      }
    }
  }

  async #spawnUntilReady(): Promise<void> {
    const { args, environment, logFile, name, program } = this.#options;
    if (this.#stopping.signal.aborted) throw new Error(`Cannot start ${name}: it was told to stop`);
    // A file instead of a pipe, because a process that outlives the supervisor must still be able to write.
    const log = openSync(logFile, 'a', 0o600);
    try {
      this.#child = spawn(process.execPath, [program, ...args(this.#url), '--json', '--stop-with-stdin'], {
        env: environment,
        detached: true,
        stdio: ['pipe', 'pipe', log],
      });
    } finally {
      closeSync(log);
    }
    const child = this.#child;
    child.stdin?.on('error', () => undefined);
    this.#exited = new Promise((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
    });
    const { url } = await readReady(child, this.#exited, name, logFile);
    this.#url = url;
  }
}

/** Reads standard output until it says `ready`, or why it does not start. */
async function readReady(
  child: ChildProcess,
  exited: Promise<string>,
  name: string,
  logFile: string,
): Promise<Ready> {
  let refusal: Refusal | null = null as Refusal | null;
  const ready = new Promise<Ready>((resolve) => {
    createInterface(child.stdout!).on('line', (line) => {
      const { event, url, error } = parseLine(line);
      if (event === 'ready') resolve({ url: url ?? null });
      if (error !== undefined) refusal = error;
    });
  });
  const outcome = await Promise.race([ready, exited]);
  if (typeof outcome !== 'string') return outcome;
  if (refusal !== null) throw new SluiceError(refusal.code, refusal.message);
  const [last = ''] = readFileSync(logFile, 'utf8').trim().split('\n').slice(-1);
  throw new Error(`Cannot start ${name}: it ended (${outcome}): ${last} (more in ${logFile})`);
}

function parseLine(line: string): { event?: string; url?: string; error?: Refusal } {
  try {
    return JSON.parse(line) as ReturnType<typeof parseLine>;
  } catch {
    return {};
  }
}
