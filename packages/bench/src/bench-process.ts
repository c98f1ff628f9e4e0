/** One process of a measurement: the run gives it a task, waits for it, and stops it in any case. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Code } from './code.ts';
import type { Notice, Order, SettledBatch, Task } from './process/task.ts';

const startTimeoutMs = 60_000;
const stopTimeoutMs = 20_000;

export interface BenchProcessOptions {
  task: Task;
  code: Code;
  /** Folder for its CPU profile; null: none. */
  profileFolder: string | null;
  /** Called for each batch of a writer that reports them. */
  onBatch?: (batch: SettledBatch) => void;
  /** Called if it ends without a stop. */
  onFailure?: (error: Error) => void;
}

type NoticeOf<T extends Notice['type']> = Extract<Notice, { type: T }>;

export class BenchProcess {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<
    Notice['type'],
    { resolve: (notice: Notice) => void; reject: (error: Error) => void }
  >();
  readonly #options: BenchProcessOptions;
  #failure: Error | null = null;
  #isStopping = false;
  url = '';

  constructor(child: ChildProcess, options: BenchProcessOptions) {
    this.#child = child;
    this.#options = options;
    child.on('message', (notice: Notice) => this.#hear(notice));
    child.on('error', (error) => this.#fail(error));
    child.on('exit', (code, signal) =>
      this.#fail(new Error(`a process has ended: ${signal ?? `exit code ${code}`}`)),
    );
  }

  static async start(options: BenchProcessOptions): Promise<BenchProcess> {
    const { task, code, profileFolder } = options;
    const child = fork(fileURLToPath(code.entry), {
      execArgv: [
        ...code.execArgv,
        ...(profileFolder === null
          ? []
          : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`, `--cpu-prof-name=${profileName(task)}`]),
      ],
      serialization: 'advanced',
      // Ctrl-C reaches only the benchmark, which stops its processes in order.
      detached: true,
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const started = new BenchProcess(child, options);
    try {
      started.#tell({ type: 'task', task });
      started.url = (await started.#await('ready', startTimeoutMs)).url ?? '';
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
    return started;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Starts the run; `warm` resolves when documents start to count, `result` at the end. */
  go(warmupMs: number, durationMs: number): { warm: Promise<void>; result: Promise<NoticeOf<'result'>> } {
    const timeoutMs = warmupMs + durationMs + 60_000;
    const warm = this.#await('warm', timeoutMs).then(() => undefined);
    const result = this.#await('result', timeoutMs);
    // The code that awaits one of them gets the error; the other must not end the program.
    warm.catch(() => undefined);
    result.catch(() => undefined);
    this.#tell({ type: 'go', warmupMs, durationMs });
    return { warm, result };
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#isStopping = true;
    const exited = once(this.#child, 'exit');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), stopTimeoutMs);
    this.#tell({ type: 'stop' });
    await exited;
    clearTimeout(timer);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #tell(order: Order): void {
    if (this.#child.connected) this.#child.send(order);
  }

  #await<T extends Notice['type']>(type: T, timeoutMs: number): Promise<NoticeOf<T>> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`a process has not answered in time: ${type}`)),
        timeoutMs,
      );
      this.#waiting.set(type, {
        resolve: (notice) => {
          clearTimeout(timer);
          resolve(notice as NoticeOf<T>);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
    });
  }

  #hear(notice: Notice): void {
    if (notice.type === 'failed') return this.#fail(new Error(notice.message));
    if (notice.type === 'batch') return this.#options.onBatch?.(notice);
    this.#waiting.get(notice.type)?.resolve(notice);
    this.#waiting.delete(notice.type);
  }

  #fail(error: Error): void {
    if (!this.#isStopping) this.#options.onFailure?.(error);
    this.#failure ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#failure);
    this.#waiting.clear();
  }
}

function profileName(task: Task): string {
  const who = task.role === 'load' || task.role === 'node' ? `${task.role}-${task.contender}` : task.role;
  return `${who}-${Date.now()}.cpuprofile`;
}
