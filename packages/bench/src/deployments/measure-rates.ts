/**
 * The workload `open-loop`: requests arrive at a given rate, independent of the answers. A rate may be a share of the
 * capacity of one contender, which is measured first, with as many nodes.
 */
import type { Task } from '../process/task.ts';
import type { Deployment } from './deployment.ts';
import { measureLoad } from './measure-load.ts';
import type { Place } from './results.ts';
import type { Capacity, OnLoad, Rate, Run } from './run.ts';

/** Requests under way while the capacity is measured. */
export const capacityClients = 64;

const name = 'open-loop';

export async function measureCapacity(
  { options, code, server }: Run,
  { contender, lanes, nodes }: Place,
  deployment: Deployment,
): Promise<Capacity> {
  const { prefill, seed, poolMax, warmupSeconds, seconds } = options;
  const task: Task = {
    role: 'load',
    url: deployment.url,
    contender,
    workload: { name, prefill, share: { index: 0, of: 1 }, seed, district: null },
    clients: capacityClients,
    lanes,
    batchWritesMax: 1,
    poolMax,
    perSecond: 0,
    nodeUrls: deployment.nodeUrls,
  };
  const { documentsPerSecond } = await measureLoad({
    deployment,
    task,
    code,
    serverPid: server.pid,
    warmupMs: warmupSeconds * 1000,
    durationMs: seconds * 1000,
    withStatements: false,
  });
  return { contender, lanes, nodes, documentsPerSecond };
}

export async function measureRates(
  { options, code, server, capacities }: Run,
  { lanes, nodes }: Place,
  deployment: Deployment,
  round: number,
  onLoad: OnLoad,
): Promise<void> {
  const { prefill, warmupSeconds, seconds, profileFolder } = options;
  const seed = options.seed + round;
  const capacity = capacities.find((each) => each.lanes === lanes && each.nodes === nodes);
  for (const [index, rate] of options.rate.entries()) {
    const perSecond = writesPerSecond(rate, capacity?.documentsPerSecond ?? 0);
    const task: Task = {
      role: 'open-load',
      nodeUrls: deployment.nodeUrls,
      workload: { name, prefill, share: { index, of: 1 }, seed, district: null },
      perSecond,
      pattern: options.pattern,
      seed,
    };
    const figures = await measureLoad({
      deployment,
      task,
      code,
      serverPid: server.pid,
      warmupMs: warmupSeconds * 1000,
      durationMs: seconds * 1000,
      withStatements: profileFolder !== null && server.pid !== null,
      withArrivals: profileFolder !== null,
    });
    onLoad({ rate: perSecond, percent: 'percent' in rate ? rate.percent : null, clients: null }, figures);
  }
}

/** A whole number, at least one. */
export function writesPerSecond(rate: Rate, capacity: number): number {
  if ('perSecond' in rate) return rate.perSecond;
  return Math.max(1, Math.round((capacity * rate.percent) / 100));
}
