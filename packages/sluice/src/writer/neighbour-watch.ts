/**
 * Waits for the end of one session of another writer, so that its lanes are taken then, and not at the next
 * heartbeat. The sessions that share the lanes form a ring, and each is watched by the previous one. If a process
 * dies, one other process notices it and tells the rest. It is only a hint, because heartbeats find the same.
 * docs/leadership.md explains why it waits on a connection of its own, and the cost.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { reconnectDelayMs, Session, type ConnectionOptions } from '#store';

interface NeighbourWatchOptions {
  connection: ConnectionOptions;
  /** The watched session has ended, so its lanes may be free. */
  onEnded: () => void;
}

/** The server waits for less than a second. */
const answerTimeoutMs = 3000;

const sessionSettings: Readonly<Record<string, string>> = {
  // The result of this wait is no longer needed.
  client_connection_check_interval: '250ms',
  tcp_user_timeout: '3s',
};

export class NeighbourWatch {
  readonly #options: NeighbourWatchOptions;
  #pid: number | null = null;
  #session: Session | null = null;
  #isRunning = false;
  #isStopped = false;

  constructor(options: NeighbourWatchOptions) {
    this.#options = options;
  }

  /** From now on watches only this session; null: none, once the wait is over. */
  follow(pid: number | null): void {
    // A session has its last heartbeat while its writer stops.
    if (this.#isStopped) return;
    const isOther = pid !== null && this.#pid !== null && pid !== this.#pid;
    this.#pid = pid;
    // A wait ends only with its connection.
    if (isOther) this.#session?.abandon();
    if (pid !== null && !this.#isRunning) void this.#run();
  }

  /** Without a delay, because nothing depends on a wait. */
  stop(): void {
    this.#isStopped = true;
    this.#pid = null;
    this.#session?.abandon();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    for (let failures = 0; this.#pid !== null;) {
      const pid: number = this.#pid;
      try {
        await this.#wait(pid);
        failures = 0;
      } catch {
        await this.#close();
        // Heartbeats go on meanwhile, and report that the database is away.
        if (this.#pid === pid) await pause(reconnectDelayMs(failures++), undefined, { ref: false });
      }
    }
    await this.#close();
    this.#isRunning = false;
  }

  async #wait(pid: number): Promise<void> {
    const session = (this.#session ??= await Session.open({
      ...this.#options.connection,
      settings: sessionSettings,
    }));
    if (this.#isStopped) return;
    const [wait] = await session.flight([{ name: 'awaitSessionEnd', values: [pid] }], answerTimeoutMs);
    if (wait?.rows[0]?.['has_ended'] !== true) return;
    // The next heartbeat names the session to watch.
    if (this.#pid === pid) this.#pid = null;
    this.#options.onEnded();
    await session.flight([{ name: 'hintFreeLanes', isOptional: true }]);
  }

  async #close(): Promise<void> {
    const session = this.#session;
    this.#session = null;
    await session?.close();
  }
}
