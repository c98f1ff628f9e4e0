import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { DatabaseValues } from '../config/database-url.ts';
import { awaitStopRequest } from '../process/stop-request.ts';
import { runInStores } from './run-in-stores.ts';

test('a command that is stopped in one store runs in no further store, and the summary names these', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-stores-'));
  const file = join(folder, 'stores.json');
  const names = ['a', 'b', 'c', 'd'];
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
  const ran: string[] = [];
  const values: DatabaseValues = { stores: file };
  await runInStores(values, { store: undefined, isAll: true, isJson: true, atOnce: 1 }, ({ databaseUrl }) => {
    const name = databaseUrl!.at(-1)!;
    ran.push(name);
    const { signal } = awaitStopRequest();
    if (name === 'b') process.listeners('SIGTERM').at(-1)!('SIGTERM');
    // As `sluice projections rebuild` does.
    if (signal.aborted) process.exitCode = 130;
    return Promise.resolve();
  });
  expect(ran).toEqual(['a', 'b']);
  expect(process.exitCode).toBe(130);
  expect(JSON.parse(String(said.mock.calls.at(-1)![0]))).toEqual({
    stores: 4,
    endedWith0: 1,
    others: { b: 130, c: 130, d: 130 },
  });
});
