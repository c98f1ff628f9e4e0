/** How long the disk of this machine takes to make 8 kB durable, which every synchronous commit waits for. */
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { percentile } from './statistics.ts';

export interface FlushLatency {
  /** Milliseconds of one 8 kB write with fdatasync, repeatedly at the same place, like the WAL of PostgreSQL. */
  p50Ms: number;
  p99Ms: number;
}

const blockBytes = 8192;
const blocks = 256;
const budgetMs = 1500;

export function measureFlushLatency(folder: string): FlushLatency {
  const file = join(folder, `flush-probe-${process.pid}`);
  const handle = openSync(file, 'w', 0o600);
  try {
    const block = Buffer.alloc(blockBytes, 1);
    for (let index = 0; index < blocks; index++) writeSync(handle, block, 0, blockBytes, index * blockBytes);
    fdatasyncSync(handle);
    const took: number[] = [];
    const until = performance.now() + budgetMs;
    for (let index = 0; performance.now() < until && took.length < 2000; index++) {
      const started = performance.now();
      writeSync(handle, block, 0, blockBytes, (index % blocks) * blockBytes);
      fdatasyncSync(handle);
      took.push(performance.now() - started);
    }
    const sorted = Float64Array.from(took).sort();
    return { p50Ms: percentile(sorted, 50) ?? 0, p99Ms: percentile(sorted, 99) ?? 0 };
  } finally {
    closeSync(handle);
    rmSync(file, { force: true });
  }
}
