/**
 * The same load once more, each document in a transaction of its own, on nodes and a PostgreSQL beside the first ones:
 * what the coordinator is worth here, on this machine. All of it is removed afterwards.
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
