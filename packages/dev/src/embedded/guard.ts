// Stops PostgreSQL if the process that started it dies without a chance to do so: a small process that waits for the end
// of its standard input, which only that death brings.

import { spawn } from 'node:child_process';
import { once } from 'node:events';

export interface Guard {
  /** Ends the guard: the server has ended. */
  dismiss(): Promise<void>;
}

// It first gives processes that use the server, and watch their own standard input, time to finish. Then it asks for a
// fast shutdown, if that process still is the server of this cluster.
const script = `
  const [pid, lockFile] = process.argv.slice(1);
  process.stdin.resume().on('close', () => setTimeout(() => {
    try {
      const [owner] = require('node:fs').readFileSync(lockFile, 'utf8').split('\\n');
      if (owner === pid) process.kill(Number(pid), 'SIGINT');
    } catch {}
  }, 1500));
`;

/** Does not keep this process alive. */
export function startGuard(server: { pid: number; cluster: string }): Guard {
  const child = spawn(
    process.execPath,
    ['-e', script, String(server.pid), `${server.cluster}/postmaster.pid`],
    { detached: true, stdio: ['pipe', 'ignore', 'ignore'] },
  );
  const exited = Promise.race([once(child, 'exit'), once(child, 'error')]).catch(() => undefined);
  child.stdin.on('error', () => undefined);
  child.unref();
  (child.stdin as unknown as { unref(): void }).unref();
  return {
    async dismiss() {
      child.ref();
      child.kill('SIGKILL');
      await exited;
    },
  };
}
