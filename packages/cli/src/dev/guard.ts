/**
 * Stops PostgreSQL should we be killed without a chance to do so: a small process that waits for the end of its standard
 * input, which only our death brings. Nodes and writers watch theirs by themselves.
 */
import { spawn } from 'node:child_process';

export interface Guard {
  dismiss(): Promise<void>;
}

// Given the nodes and writers a moment to finish, it asks for a fast shutdown, if the process is still that server.
const script = `
  const [pid, lockFile] = process.argv.slice(1);
  process.stdin.resume().on('close', () => setTimeout(() => {
    try {
      const [owner] = require('node:fs').readFileSync(lockFile, 'utf8').split('\\n');
      if (owner === pid) process.kill(Number(pid), 'SIGINT');
    } catch {}
  }, 1500));
`;

export function startGuard(server: { pid: number; dataDir: string }): Guard {
  const child = spawn(
    process.execPath,
    ['-e', script, String(server.pid), `${server.dataDir}/cluster/postmaster.pid`],
    {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    },
  );
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  child.stdin.on('error', () => undefined);
  return {
    async dismiss() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
