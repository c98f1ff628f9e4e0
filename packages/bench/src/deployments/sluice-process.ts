/** One process of the command line, started as by an operator: awaited until it is ready, and stopped in order. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Build } from './build.ts';

export interface SluiceProcessOptions {
  build: Build;
  args: readonly string[];
  databaseUrl: string;
}

const startTimeoutMs = 60_000;
const stopTimeoutMs = 30_000;

export class SluiceProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  url = '';
  metricsUrl = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#exited = once(child, 'exit').catch(() => undefined);
  }

  /** Starts `sluice …` and waits until it is ready; a command that ends is awaited until its end. */
  static async start(options: SluiceProcessOptions): Promise<SluiceProcess> {
    const { build, args, databaseUrl } = options;
    const child = spawn(process.execPath, [...build.nodeArgs, ...args, '--json'], {
      env: environmentWith(databaseUrl),
      // Ctrl-C reaches only the benchmark, which stops its processes in order. Their standard input closes when the
      // benchmark ends.
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const started = new SluiceProcess(child);
    let said = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-2000)));
    child.stdin?.on('error', () => undefined);
    const isReady = new Promise<boolean>((resolve) => {
      if (child.stdout === null) return;
      createInterface(child.stdout).on('line', (line) => {
        const { event, url, metricsUrl, error } = parseLine(line);
        if (error?.message !== undefined) said = error.message;
        if (event !== 'ready') return;
        started.url = url ?? '';
        started.metricsUrl = metricsUrl ?? '';
        resolve(true);
      });
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), startTimeoutMs);
    const ready = await Promise.race([isReady, started.#exited.then(() => false)]);
    clearTimeout(timer);
    if (!ready && child.exitCode !== 0) {
      throw new Error(
        `Cannot measure: \`sluice ${args[0]}\` of the build ${build.name} ended: ${said.trim()}`,
      );
    }
    return started;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async stop(): Promise<void> {
    const timer = setTimeout(() => this.kill(), stopTimeoutMs);
    this.#child.kill('SIGTERM');
    await this.#exited;
    clearTimeout(timer);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}

/** The environment of the benchmark does not reach the measured processes. */
function environmentWith(databaseUrl: string): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(SLUICE_|PG|DATABASE_URL$|PORT$)/.test(name),
  );
  return { ...Object.fromEntries(kept), DATABASE_URL: databaseUrl, SLUICE_CONFIG: 'none' };
}

function parseLine(line: string): {
  event?: string;
  url?: string;
  metricsUrl?: string;
  error?: { message?: string };
} {
  try {
    return JSON.parse(line) as ReturnType<typeof parseLine>;
  } catch {
    return {};
  }
}
