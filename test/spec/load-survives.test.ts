// A load outlives the processes it goes through: each document is accepted once, whichever process crashes.

import { describe, expect, test } from 'vitest';
import { isWide } from '../support/breadth.ts';
import { eventually } from '../support/eventually.ts';
import { execute } from '../support/postgres.ts';
import { createDataDir, startSluice } from '../support/sluice.ts';

interface Process {
  name: string;
  pid: number;
}

describe('a load', () => {
  test.runIf(isWide)(
    'a load survives the death of a node and of a writer, and nothing is doubled',
    { timeout: 120_000 },
    async () => {
      const dataDir = await createDataDir();
      const args = ['--students', '100', '--port', '0', '--no-compare', '--data-dir', dataDir];
      const dev = startSluice(['dev', ...args]);
      const started = await dev.event('started');
      const url = started['databaseUrl'] as string;
      const processes = started['processes'] as Process[];

      for (const name of ['api-1', 'writer-1']) {
        const before = await countDocuments(url);
        await eventually(async () => expect(await countDocuments(url)).toBeGreaterThan(before + 50));
        process.kill(processes.find((process) => process.name === name)!.pid, 'SIGKILL');
      }

      const loaded = await dev.event('loaded');
      expect(loaded).toMatchObject({ updated: 0, failed: 0 });
      expect(loaded['retries']).toBeGreaterThan(0);
      expect(await countDocuments(url)).toBe(loaded['documents']);
      expect(await execute(url, 'select document_id from sluice.document where version > 1')).toEqual([]);
      expect(await execute(url, 'select write_id from sluice.intake')).toEqual([]);
      dev.kill('SIGTERM');
      const { code, stderr } = await dev.ended;
      expect(code).toBe(0);
      for (const name of ['api-1', 'writer-1']) expect(stderr).toContain(`${name} has ended (SIGKILL)`);
    },
  );
});

async function countDocuments(url: string): Promise<number> {
  const [row] = await execute(url, 'select count(*)::int as documents from sluice.document');
  return row!['documents'] as number;
}
