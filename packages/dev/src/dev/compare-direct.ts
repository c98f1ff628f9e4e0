/**
 * Repeats the same load with one transaction for each document, on separate nodes and a separate PostgreSQL, to show
 * the gain of the coordinator on this machine. Everything is removed afterwards.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Cluster, type ClusterOptions } from './cluster.ts';
import { runLoad, type ClusterLoadOptions, type ClusterLoadReport } from './run-load.ts';

export async function compareDirect(
  cluster: ClusterOptions,
  load: ClusterLoadOptions,
): Promise<ClusterLoadReport> {
  const dataDir = join(cluster.dataDir, 'direct');
  await rm(dataDir, { recursive: true, force: true });
  const direct = new Cluster({
    ...cluster,
    dataDir,
    mode: 'direct',
    writers: 0,
    port: 0,
    onEvent: () => undefined,
  });
  const stop = (): void => void direct.stop();
  load.signal.addEventListener('abort', stop);
  try {
    await direct.start();
    return await runLoad(direct, load);
  } finally {
    load.signal.removeEventListener('abort', stop);
    await direct.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}
