/**
 * Requests that start at their times, independent of answers. Latency counts from the intended start, so a request
 * that starts late because everything waits does not count as a fast one (coordinated omission).
 */
import type { Contender } from '../contenders/contender.ts';
import { arrivals, shapes, type Pattern } from '../deployments/arrivals.ts';
import { percentile } from '../statistics.ts';
import type { Workload } from '../workload/workload.ts';
import type { WindowResult } from './window.ts';

export interface OpenLoopOptions {
  /** One for each node; requests go to them in turn. */
  nodes: readonly Contender[];
  workload: Workload;
  perSecond: number;
  pattern: Pattern;
  seed: number;
  warmupMs: number;
  durationMs: number;
  onWarm: () => void;
}

export async function runOpenLoop(options: OpenLoopOptions): Promise<WindowResult> {
  const { nodes, workload, perSecond, pattern, seed, warmupMs, durationMs, onWarm } = options;
  const latencies: number[] = [];
  const lateness: number[] = [];
  const sentAt: number[] = [];
  const underWay = new Set<Promise<void>>();
  let failed = 0;
  let stored = 0;
  const begun = performance.now();
  const send = async (intendedAt: number, turn: number): Promise<void> => {
    const isCounted = intendedAt >= warmupMs;
    const document = workload.next();
    const node = nodes[turn % nodes.length];
    if (document === null || node === undefined) return;
    if (isCounted) {
      const at = performance.now() - begun;
      lateness.push(at - intendedAt);
      sentAt.push(at - warmupMs);
    }
    try {
      await node.submit(document);
      if (document.isDuplicate !== true) stored += 1;
      if (isCounted) latencies.push(performance.now() - begun - intendedAt);
    } catch {
      if (isCounted) failed += 1;
    }
  };
  const warm = setTimeout(onWarm, warmupMs);
  let turn = 0;
  for (const intendedAt of arrivals(perSecond, seed, shapes[pattern])) {
    if (intendedAt >= warmupMs + durationMs) break;
    const waitMs = intendedAt - (performance.now() - begun);
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    const request = send(intendedAt, turn++);
    underWay.add(request);
    void request.then(() => underWay.delete(request));
  }
  await Promise.all(underWay);
  clearTimeout(warm);
  onWarm();
  const late = Float64Array.from(lateness).sort();
  return {
    documents: latencies.length,
    latencies: Float64Array.from(latencies),
    elapsedMs: durationMs,
    stored,
    openLoop: { failed, lateP99Ms: percentile(late, 99), sentAt },
  };
}
