import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { SupervisedProcess } from './supervised-process.ts';

/** Says that it is ready on the port it was told, stops when told to, and when its standard input ends. */
const obedient = `
  const stop = () => { console.error('stopped in order'); process.exit(0); };
  process.on('SIGTERM', stop);
  process.stdin.resume().on('close', stop);
  console.log(JSON.stringify({ event: 'ready', url: 'http://127.0.0.1:' + process.argv[2] }));
`;
/** Is ready once, and will not be stopped. */
const stubborn = `
  process.on('SIGTERM', () => {});
  console.log(JSON.stringify({ event: 'ready' }));
  setInterval(() => {}, 1000);
`;
const refusing = `console.log(JSON.stringify({ error: { code: 'deployment_disagrees', message: 'Cannot start as told' } }));`;

async function setup(script: string) {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-supervised-'));
  const program = join(folder, 'program.cjs');
  const logFile = join(folder, 'log');
  await writeFile(program, script);
  const events: string[] = [];
  const supervised = new SupervisedProcess({
    name: 'api-1',
    args: (lastUrl) => [lastUrl === null ? '4711' : `${Number(new URL(lastUrl).port) + 1}`],
    environment: process.env,
    logFile,
    onEvent: (event) => events.push(event),
    program,
  });
  onTestFinished(async () => {
    await supervised.stop(0);
    await rm(folder, { recursive: true });
  });
  return { supervised, events, logFile, readLog: () => readFile(logFile, 'utf8') };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('a supervised process', () => {
  test('a supervised process counts as ready when it says so, and may finish when it has to stop', async () => {
    const { supervised, readLog } = await setup(obedient);
    await supervised.start();
    expect(supervised.url).toBe('http://127.0.0.1:4711');
    const pid = supervised.pid!;
    await supervised.stop(5000);
    expect(isAlive(pid)).toBe(false);
    expect(await readLog()).toContain('stopped in order');
  });

  test('a supervised process that dies is started again at the same address', async () => {
    const { supervised, events } = await setup(obedient);
    await supervised.start();
    process.kill(supervised.pid!, 'SIGKILL');
    await expect.poll(() => events.length).toBe(2);
    expect(events[0]).toBe('api-1 has ended (SIGKILL) and is restarted');
    expect(events[1]).toBe(`api-1 is back (process ${supervised.pid})`);
    expect(supervised.url).toBe('http://127.0.0.1:4712');
    expect(supervised.restarts).toBe(1);
  });

  test('a supervised process that was told to stop is not started again', async () => {
    const { supervised, events } = await setup(obedient);
    await supervised.start();
    process.kill(supervised.pid!, 'SIGKILL');
    await supervised.stop(5000);
    expect(events.filter((event) => event.includes('back'))).toEqual([]);
    expect(isAlive(supervised.pid!)).toBe(false);
  });

  test('a supervised process that does not stop in time is killed', async () => {
    const { supervised } = await setup(stubborn);
    await supervised.start();
    await supervised.stop(50);
    expect(isAlive(supervised.pid!)).toBe(false);
  });

  test('the message of a supervised process that refuses to start is quoted', async () => {
    const { supervised } = await setup(refusing);
    await expect(supervised.start()).rejects.toMatchObject({
      code: 'deployment_disagrees',
      message: 'Cannot start as told',
    });
  });

  test('a supervised process that fails to start is reported with the place of its log', async () => {
    const { supervised, logFile } = await setup(`console.error('no such thing'); process.exit(7);`);
    await expect(supervised.start()).rejects.toThrow(
      `Cannot start api-1: it ended (exit code 7): no such thing (more in ${logFile})`,
    );
  });

  test('a supervised process ends when its supervisor is killed', async () => {
    const { logFile, readLog } = await setup(obedient);
    const module = new URL('./supervised-process.ts', import.meta.url).href;
    const program = join(logFile, '../program.cjs');
    const script = `
      import { SupervisedProcess } from ${JSON.stringify(module)};
      const options = { name: 'x', args: () => ['1'], environment: process.env, onEvent() {} };
      const child = new SupervisedProcess({ ...options, logFile: ${JSON.stringify(logFile)}, program: ${JSON.stringify(program)} });
      await child.start();
      console.log(child.pid);`;
    const args = ['--conditions=source', '--import', 'tsx', '--input-type=module', '-e', script];
    const supervisor = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const [pid] = (await once(supervisor.stdout.setEncoding('utf8'), 'data')) as [string];
    supervisor.kill('SIGKILL');
    await expect.poll(() => isAlive(Number(pid))).toBe(false);
    expect(await readLog()).toContain('stopped in order');
  });
});
