import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { DatabaseValues } from '../config/database-url.ts';
import { awaitStopRequest } from '../process/stop-request.ts';
import { runInStores } from './run-in-stores.ts';

/** Runs a command with `--all-stores`. Returns its exit code and the summary. */
async function runInAll(
  names: readonly string[],
  run: (name: string) => Promise<void>,
): Promise<{ code: unknown; summary: unknown }> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-stores-'));
  const file = join(folder, 'stores.json');
  const stores = Object.fromEntries(names.map((name) => [name, { databaseUrl: `postgres://h/${name}` }]));
  writeFileSync(file, JSON.stringify({ stores }));
  const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;
  const before = new Map(signals.map((signal) => [signal, process.listeners(signal)]));
  const said = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  onTestFinished(() => {
    said.mockRestore();
    process.exitCode = undefined;
    for (const [signal, known] of before)
      for (const listener of process.listeners(signal))
        if (!known.includes(listener)) process.off(signal, listener);
    rmSync(folder, { recursive: true });
  });
  const values: DatabaseValues = { stores: file };
  const choice = { store: undefined, isAll: true, isJson: true, atOnce: 1 };
  await runInStores(values, choice, ({ databaseUrl }) => run(databaseUrl!.at(-1)!));
  return { code: process.exitCode, summary: JSON.parse(String(said.mock.calls.at(-1)![0])) as unknown };
}

/** As Ctrl-C does. */
const stop = (): void => process.listeners('SIGTERM').at(-1)!('SIGTERM');

test('a command that is stopped in one store runs in no further store, and the summary names these', async () => {
  const ran: string[] = [];
  const { code, summary } = await runInAll(['a', 'b', 'c', 'd'], (name) => {
    ran.push(name);
    const { signal } = awaitStopRequest();
    if (name === 'b') stop();
    // As `sluice projections rebuild` does.
    if (signal.aborted) process.exitCode = 130;
    return Promise.resolve();
  });
  expect(ran).toEqual(['a', 'b']);
  expect(code).toBe(130);
  expect(summary).toEqual({ stores: 4, endedWith0: 1, others: { b: 130, c: 130, d: 130 } });
});

test('a command that is stopped while it connects to a later store stops there, and a later command runs', async () => {
  const aborted: boolean[] = [];
  const run = async (name: string): Promise<void> => {
    await Promise.resolve();
    if (name === 'b') stop();
    await Promise.resolve();
    aborted.push(awaitStopRequest().signal.aborted);
  };
  expect(await runInAll(['a', 'b', 'c'], run)).toMatchObject({ code: 130 });
  expect(aborted).toEqual([false, true]);
  expect(await runInAll(['a'], run)).toMatchObject({ code: 0 });
  expect(aborted).toEqual([false, true, false]);
});

test('a command that is stopped in the last store exits with 130, whatever its code there', async () => {
  const { code, summary } = await runInAll(['a'], () => {
    awaitStopRequest();
    stop();
    return Promise.resolve();
  });
  expect(code).toBe(130);
  expect(summary).toEqual({ stores: 1, endedWith0: 1, others: {} });
});
