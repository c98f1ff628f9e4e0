// An embedded PostgreSQL server in a data folder, for development, tests and benchmarks. It is a direct child, so that
// its end is noticed, but in its own process group, because Ctrl-C must not reach it before the processes that use it.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { assertReachable, findAccount, type Account } from './account.ts';
import { findBinaries } from './binaries.ts';
import { openDataFolder, type DataFolder } from './data-folder.ts';
import { startGuard } from './guard.ts';
import { disownLockFile, findServer, isReady } from './lock-file.ts';
import { choosePort, portTaken } from './port.ts';

export interface EmbeddedPostgresOptions {
  /** Folder of the cluster, its password, port and log. Created if absent. */
  dataDir: string;
  /**
   * The port on 127.0.0.1. With 0 a free port is chosen and kept for later starts, while it is free.
   * @default 0
   */
  port?: number;
  /** Server settings by name, in addition to the defaults: `{ fsync: 'off' }`. */
  settings?: Record<string, string>;
  /** Major version, 15 to 18; those below 18 come with a checkout only. @default 18 */
  major?: number;
  /** Called with a sentence on each step. The server's own messages go to `postgres.log` in the folder. */
  onLog?: (line: string) => void;
}

export interface EmbeddedPostgres {
  /** Superuser URL of the database `postgres`; the same at every start while the port is. */
  url: string;
  port: number;
  dataDir: string;
  pid: number;
  /** Resolves when the server has ended for any reason. */
  exited: Promise<void>;
  /** Disconnects all clients and waits until the server has ended. May be called repeatedly. */
  stop(): Promise<void>;
  /** Sends a signal to the server; SIGKILL makes it crash. */
  kill(signal: NodeJS.Signals): void;
}

const DEFAULT_SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  shared_buffers: '256MB',
  max_connections: '200',
  // Content of documents must not reach a log: no statements, parameters, or values in error messages.
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  log_parameter_max_length: '0',
  log_parameter_max_length_on_error: '0',
  log_checkpoints: 'off',
};

const START_TIMEOUT_MS = 60_000;

/**
 * Starts the server and waits until it accepts connections. It does not keep this process alive. It is told to stop
 * when this process exits, and by a guard when this process is killed.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const onLog = options.onLog ?? (() => {});
  const [binaries, account] = await Promise.all([findBinaries(options.major), findAccount()]);
  if (account) await assertReachable(binaries.postgres, account);
  const folder = await openDataFolder(options.dataDir, account, binaries, onLog);
  await assertFree(folder);
  await disownLockFile(folder.cluster);

  const deadline = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    const port = await choosePort(options.port ?? 0, folder.portFile);
    const settings = { ...DEFAULT_SETTINGS, ...options.settings, port: String(port) };
    const logStart = (await readFile(folder.log).catch(() => '')).length;
    const child = spawnServer(binaries.postgres, folder, account, settings);
    const guard = startGuard({ pid: child.pid ?? 0, cluster: folder.cluster });
    const exited = once(child, 'exit').then(() => guard.dismiss());
    if (await becomesReady(child, exited, folder.cluster, deadline)) {
      onLog(`PostgreSQL listens on 127.0.0.1:${port} (process ${child.pid}, log ${folder.log})`);
      return embeddedPostgres(child, exited, folder, port);
    }
    const log = (await readFile(folder.log)).subarray(logStart).toString();
    await assertFree(folder);
    if (log.includes('Address already in use') && options.port) throw portTaken(port);
    // Another program took the chosen port, or processes of a crashed server are still ending: both pass.
    const willPass =
      log.includes('Address already in use') || log.includes('pre-existing shared memory block');
    if (!willPass || performance.now() > deadline) {
      throw new Error(`Cannot start PostgreSQL: the server ended at once: ${folder.root}\n${log.trim()}`);
    }
    await delay(100);
  }
}

async function assertFree(folder: DataFolder): Promise<void> {
  const pid = await findServer(folder.cluster);
  if (pid !== undefined) {
    throw new Error(`Cannot start PostgreSQL: the data folder is in use by process ${pid}: ${folder.root}`);
  }
}

function spawnServer(
  postgres: string,
  folder: DataFolder,
  account: Account | undefined,
  settings: Record<string, string>,
): ChildProcess {
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  // A file instead of a pipe, because a server that outlives this process must still be able to write.
  const log = openSync(folder.log, 'a', 0o600);
  try {
    return spawn(postgres, ['-D', folder.cluster, ...args], {
      ...account,
      cwd: folder.root,
      env: folder.environment,
      detached: true,
      stdio: ['ignore', log, log],
    });
  } finally {
    closeSync(log);
  }
}

async function becomesReady(
  child: ChildProcess,
  exited: Promise<void>,
  cluster: string,
  deadline: number,
): Promise<boolean> {
  const ended = exited.then(() => true);
  while (performance.now() < deadline) {
    if (child.pid !== undefined && (await isReady(cluster, child.pid))) return true;
    if (await Promise.race([ended, delay(20, false)])) return false;
  }
  child.kill('SIGQUIT');
  await exited;
  return false;
}

/** Longest time of an ordered shutdown, which depends on its checkpoint. */
const stopTimeoutMs = 5000;

function embeddedPostgres(
  child: ChildProcess,
  exited: Promise<void>,
  folder: DataFolder,
  port: number,
): EmbeddedPostgres {
  // SIGINT is PostgreSQL's fast shutdown: it rolls back open transactions and disconnects.
  const interrupt = (): void => void child.kill('SIGINT');
  process.once('exit', interrupt);
  child.once('exit', () => process.off('exit', interrupt));
  child.unref();
  return {
    url: `postgres://postgres:${folder.password}@127.0.0.1:${port}/postgres`,
    port,
    dataDir: folder.root,
    pid: child.pid!,
    exited,
    async stop() {
      child.ref();
      interrupt();
      // One that is stuck recovers at its next start, as after a crash.
      const timer = setTimeout(() => child.kill('SIGQUIT'), stopTimeoutMs);
      await exited;
      clearTimeout(timer);
    },
    kill(signal) {
      child.kill(signal);
    },
  };
}
