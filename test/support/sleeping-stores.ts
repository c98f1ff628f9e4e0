// Figures of a fleet whose stores sleep, as sentences: what it costs, and how long the first write takes.

import { setTimeout as pause } from 'node:timers/promises';
import { processesCpuMs, serverCpuMs } from '../../packages/bench/src/cpu-time.ts';
import type { StoreFleet } from './store-fleet.ts';

/** CPU of the processes and of the servers so far, in ms. */
export function cpuOf({ pids, servers }: StoreFleet): { processes: number; postgres: number } {
  const postgres = servers.map(({ pid }) => serverCpuMs(pid) ?? 0);
  return { processes: processesCpuMs(pids) ?? 0, postgres: postgres.reduce((sum, each) => sum + each, 0) };
}

export async function idleCost(fleet: StoreFleet, seconds: number): Promise<string> {
  const before = cpuOf(fleet);
  const at = performance.now();
  let most = 0;
  while (performance.now() - at < seconds * 1000) {
    most = Math.max(most, await fleet.connections());
    await pause(1000);
  }
  const tookMs = performance.now() - at;
  const after = cpuOf(fleet);
  const percent = (ms: number): string => `${((100 * ms) / tookMs).toFixed(1)} %`;
  return (
    `processes ${percent(after.processes - before.processes)} of a core, ` +
    `PostgreSQL ${percent(after.postgres - before.postgres)}, at most ${most} connections`
  );
}

/** Each to another store. @throws if one is not answered 201 */
export async function firstWrites(fleet: StoreFleet, samples: number): Promise<string> {
  const times: number[] = [];
  for (let sample = 0; sample < samples; sample++) {
    const began = performance.now();
    const status = await fleet.write(sample % 2, (sample * 7) % fleet.stores, sample);
    if (status !== 201) throw new Error(`The first write to a store was answered ${status}`);
    times.push(performance.now() - began);
    await pause(300);
  }
  times.sort((one, other) => one - other);
  const at = (share: number): string =>
    `${Math.round(times[Math.min(times.length - 1, Math.floor(share * times.length))]!)} ms`;
  return `median ${at(0.5)}, 90 % ${at(0.9)}, at most ${at(1)} of ${samples}`;
}
