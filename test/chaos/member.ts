// One process of the deployment under attack: a node or a writer, as operators run it, started again whenever it ends.
// It talks to PostgreSQL through proxies of its own.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { sluiceProgram } from '../support/sluice-program.ts';
import type { TcpProxy } from '../support/tcp-proxy.ts';

export interface MemberOptions {
  name: string;
  /** Of `sluice`. */
  args: readonly string[];
  sessions: TcpProxy;
  listener: TcpProxy;
  env: Readonly<Record<string, string>>;
  logFile: string;
  /** How long after its end it is started again. */
  restartAfterMs: number;
  /** Resolves once the database is up, or again. */
  untilServerUp: () => Promise<void>;
}

/** What clients and faults see of it. Of several data stores, each sees it at URLs of its own. */
export type MemberView = Pick<
  Member,
  | 'name'
  | 'sessions'
  | 'listener'
  | 'hasIntake'
  | 'url'
  | 'pid'
  | 'isReady'
  | 'isFrozen'
  | 'readyAt'
  | 'kill'
  | 'freeze'
>;

export class Member {
  readonly name: string;
  readonly sessions: TcpProxy;
  readonly listener: TcpProxy;
  readonly #options: MemberOptions;
  #child: ChildProcess | null = null;
  #isStopping = false;
  #stop: () => void = () => undefined;
  readonly #stopped = new Promise<void>((resolve) => (this.#stop = resolve));
  #life: Promise<void> = Promise.resolve();
  #frozen = false;
  #complaint = '';
  /** A node whose writes meet those of other nodes. */
  readonly hasIntake: boolean;
  /** Where a node listens, while it is up. */
  url: string | null = null;
  isReady = false;
  starts = 0;
  /** When it was last ready, in milliseconds of `performance.now()`. */
  readyAt = 0;

  constructor(options: MemberOptions) {
    this.#options = options;
    this.name = options.name;
    this.hasIntake = options.args.includes('coordinated');
    this.sessions = options.sessions;
    this.listener = options.listener;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get isFrozen(): boolean {
    return this.#frozen;
  }

  /** Once: if it does not come up although nothing has been done to it yet, the run is not worth anything. */
  async start(): Promise<void> {
    await this.#launch();
    if (!this.isReady)
      throw new Error(
        `Cannot start ${this.name}: it ended: ${this.#complaint} (more in ${this.#options.logFile})`,
      );
    this.#life = this.#keepAlive();
  }

  kill(signal: NodeJS.Signals): void {
    this.isReady = signal === 'SIGKILL' ? false : this.isReady;
    this.#child?.kill(signal);
  }

  freeze(isFrozen: boolean): void {
    this.#frozen = isFrozen;
    this.#child?.kill(isFrozen ? 'SIGSTOP' : 'SIGCONT');
  }

  /** In order, and if that takes too long, not. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#stop();
    const child = this.#child;
    if (child !== null && child.exitCode === null && child.signalCode === null) {
      child.kill('SIGCONT');
      child.kill('SIGTERM');
      const ended = once(child, 'exit');
      await Promise.race([ended, pause(5000, undefined, { ref: false })]);
      child.kill('SIGKILL');
    }
    await this.#life;
  }

  /** At once, from an exit handler. */
  abandon(): void {
    this.#isStopping = true;
    this.#child?.kill('SIGKILL');
  }

  async #keepAlive(): Promise<void> {
    while (!this.#isStopping) {
      const child = this.#child;
      if (child !== null && child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      this.isReady = false;
      this.#frozen = false;
      await Promise.race([pause(this.#options.restartAfterMs), this.#stopped]);
      if (this.#isStopping) return;
      await this.#launch();
    }
  }

  /** Until it is ready, or has ended: while the database is down it cannot start. */
  async #launch(): Promise<void> {
    const { args, env, logFile, untilServerUp } = this.#options;
    // To try before would only take what it needs to come back.
    await untilServerUp();
    if (this.#isStopping) return;
    const kept = Object.entries(process.env).filter(
      ([name]) => !/^(SLUICE_|PG|DATABASE_URL$|PORT$)/.test(name),
    );
    const log = openSync(logFile, 'a');
    const child = spawn(process.execPath, [sluiceProgram, ...args, '--json', '--stop-with-stdin'], {
      env: { ...Object.fromEntries(kept), ...env },
      stdio: ['pipe', 'pipe', log],
    });
    closeSync(log);
    this.#child = child;
    this.starts += 1;
    child.stdin!.on('error', () => undefined);
    const exited = once(child, 'exit');
    const ready = new Promise<void>((resolve) => {
      createInterface(child.stdout!).on('line', (line) => {
        const { event, url } = parse(line);
        if (event !== 'ready') {
          this.#complaint = line;
          return;
        }
        this.url = url ?? null;
        this.isReady = true;
        this.readyAt = performance.now();
        resolve();
      });
    });
    await Promise.race([ready, exited]);
    // The database went down meanwhile, most likely.
    if (!this.isReady) await pause(200);
  }
}

function parse(line: string): { event?: string; url?: string } {
  try {
    return JSON.parse(line) as { event?: string; url?: string };
  } catch {
    return {};
  }
}
