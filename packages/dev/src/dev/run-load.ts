/** The load of `sluice dev`: through the nodes of a cluster, with progress, and with the size of its batches. */
import type { Model } from 'sluice/model';
import {
  progressText,
  load as loadLines,
  type LoadReport,
  countLines,
  readLoadLines,
  shuffle,
  ProgressLine,
} from '@sluice/server/cli';
import type { Cluster } from './cluster.ts';
import { sampleLines } from './sample-lines.ts';

/** Given files, or a generated district. */
export type LoadSource = { files: string[] } | { seed: number; students: number };

export interface ClusterLoadOptions {
  source: LoadSource;
  model: Model;
  concurrency: number;
  /** @default null: documents are loaded in order */
  waitForReferencesSeconds?: number | null;
  /** @default null: not shuffled */
  shuffleSeed?: number | null;
  signal: AbortSignal;
}

export interface ClusterLoadReport extends LoadReport {
  batches: number;
  batchSizeMean: number;
  batchSizeMedian: number;
  batchSizeMax: number;
}

export async function runLoad(cluster: Cluster, options: ClusterLoadOptions): Promise<ClusterLoadReport> {
  const { source, shuffleSeed = null, ...load } = options;
  const database = cluster.openDatabase();
  const progress = new ProgressLine();
  try {
    const total = process.stderr.isTTY ? await countDocuments(source) : null;
    const [clock] = await database.run('readClock');
    const lines = 'files' in source ? readLoadLines(source.files) : generate(source);
    const report = await loadLines(shuffleSeed === null ? lines : shuffle(lines, shuffleSeed), {
      ...load,
      nodes: cluster.nodeUrls,
      token: cluster.token,
      onProgress: (readTally) => progress.show(() => progressText(readTally(), total)),
    });
    const outcomes = await database.run('countResults', [clock?.['now']]);
    const countOf = (result: string) =>
      Number(outcomes.find((row) => row['result'] === result)?.['writes'] ?? 0);
    const [batches] = await database.run('measureBatches', [clock?.['now']]);
    return {
      ...report,
      // Not every answer says whether the document changed, but the outcomes do.
      updated: countOf('updated'),
      unchanged: countOf('unchanged'),
      batches: Number(batches?.['batches']),
      batchSizeMean: Number(Number(batches?.['mean']).toFixed(1)),
      batchSizeMedian: Number(batches?.['median']),
      batchSizeMax: Number(batches?.['max']),
    };
  } finally {
    progress.clear();
    await database.close();
  }
}

/** Rows are counted up to this number, and estimated beyond. */
const countedMax = 1_000_000;

export async function countStored(cluster: Cluster): Promise<number> {
  const database = cluster.openDatabase();
  try {
    const [counts] = await database.run('countStored', [countedMax]);
    return Number(counts?.['documents']);
  } finally {
    await database.close();
  }
}

function generate({ seed, students }: { seed: number; students: number }) {
  return sampleLines(seed, students);
}

async function countDocuments(source: LoadSource): Promise<number> {
  if ('files' in source) return countLines(source.files);
  let count = 0;
  for (const _ of generate(source)) count += 1;
  return count;
}
