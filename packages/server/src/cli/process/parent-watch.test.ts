import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { beforeAll, afterAll, describe, test, type TestContext } from 'vitest';
import { parentWatchMs } from './parent-watch.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-parent-'));
  const module = new URL('./stop-request.ts', import.meta.url).href;
  // Writes its process number, and how it was stopped.
  await writeFile(
    join(folder, 'command.mts'),
    `import { writeFileSync } from 'node:fs';
     import { awaitStopRequest } from ${JSON.stringify(module)};
     const [file = '', isService] = process.argv.slice(2);
     const stop = awaitStopRequest({ isService: isService === 'service' });
     writeFileSync(file + '.pid', String(process.pid));
     setInterval(() => {}, 1000);
     await stop.requested;
     writeFileSync(file + '.end', 'stopped in order');
     process.exit(0);`,
  );
});

afterAll(() => rm(folder, { recursive: true }));

let runs = 0;

/** @param wrap The shell command that runs the command it is given. */
async function run(
  { expect, onTestFinished }: TestContext,
  wrap: (command: string) => string,
  { environment = {}, isService = false }: { environment?: NodeJS.ProcessEnv; isService?: boolean } = {},
) {
  const file = join(folder, `run-${++runs}`);
  const command = `${process.execPath} --import tsx ${folder}/command.mts ${file}${isService ? ' service' : ''}`;
  const own = Object.entries(process.env).filter(([name]) => !/^npm_|^_$/.test(name));
  const starter = spawn('sh', ['-c', wrap(command)], {
    env: { ...Object.fromEntries(own), ...environment },
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const read = (what: string) => readFile(`${file}.${what}`, 'utf8').catch(() => '');
  onTestFinished(async () => {
    starter.kill('SIGKILL');
    const pid = Number(await read('pid'));
    if (pid > 0 && isAlive(pid)) process.kill(pid, 'SIGKILL');
  });
  // Several start at once, each compiling its sources.
  await expect.poll(() => read('pid'), { timeout: 50_000 }).not.toBe('');
  const pid = Number(await read('pid'));
  return { starter, pid, end: () => read('end') };
}

async function kill(starter: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const exited = once(starter, 'exit');
  starter.kill(signal);
  await exited;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** The shell stays, so that it is the parent. */
const inShell = (command: string): string => `${command}; true`;
/** As npm does it: the program that is killed is the parent of a shell, which stays. */
const byProgram = (command: string): string =>
  `exec ${process.execPath} -e "require('child_process').spawn('sh', ['-c', '${command}; true'], { stdio: 'ignore' })"`;
const npm = { npm_execpath: 'npm-cli.js' };

describe.runIf(process.platform === 'linux')('a foreground command', () => {
  test.concurrent.for([
    ['its shell', 'SIGTERM', inShell],
    ['its shell', 'SIGKILL', inShell],
    ['a program that runs it by a shell', 'SIGKILL', byProgram],
  ] as const)('a foreground command stops in order when %s gets %s', async ([, signal, wrap], context) => {
    const { expect } = context;
    const { starter, end } = await run(context, wrap);
    await kill(starter, signal);
    await expect.poll(end).toBe('stopped in order');
  });

  test.concurrent('a foreground command stops in order when its terminal is closed', async (context) => {
    const { expect } = context;
    const { pid, end } = await run(context, (command) => `exec ${command}`);
    process.kill(pid, 'SIGHUP');
    await expect.poll(end).toBe('stopped in order');
  });

  test.concurrent.for([
    ['it leads a session of its own', (command: string) => `setsid ${command}; true`, {}],
    ['nohup runs it', inShell, { _: '/usr/bin/nohup' }],
    ['a script runs it in the background', (command: string) => `${command} & wait`, {}],
    ['its shell has left it in the background', (command: string) => `${command} & exit`, {}],
  ] as const)(
    'a foreground command goes on without its starter if %s',
    async ([, wrap, environment], context) => {
      const { expect } = context;
      const { starter, pid, end } = await run(context, wrap, { environment });
      if (starter.exitCode === null) await kill(starter, 'SIGKILL');
      if ('_' in environment) process.kill(pid, 'SIGHUP');
      // Time for two looks.
      await pause(2 * parentWatchMs);
      expect({ end: await end(), isAlive: isAlive(pid) }).toEqual({ end: '', isAlive: true });
    },
  );
});

describe.runIf(process.platform === 'linux')('a process of a deployment', () => {
  test.concurrent(
    'a deployment’s process goes on after its start script ends, and stops with npm',
    async (context) => {
      const { expect } = context;
      const [byScript, byNpm] = await Promise.all([
        run(context, inShell, { isService: true }),
        run(context, byProgram, { isService: true, environment: npm }),
      ]);
      await Promise.all([kill(byScript.starter, 'SIGKILL'), kill(byNpm.starter, 'SIGKILL')]);
      await expect.poll(byNpm.end).toBe('stopped in order');
      await pause(parentWatchMs);
      expect({ end: await byScript.end(), isAlive: isAlive(byScript.pid) }).toEqual({
        end: '',
        isAlive: true,
      });
    },
  );
});
