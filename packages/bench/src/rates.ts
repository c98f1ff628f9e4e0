/** The rates of `table-open-loop`: numbers, or shares of the capacity of one-statement. */
import { axisOf } from './axis.ts';
import type { BenchOptions } from './bench-options.ts';
import type { Code } from './code.ts';
import { capacityClients, writesPerSecond } from './deployments/measure-rates.ts';
import { measureAll } from './rounds.ts';
import type { Server } from './server.ts';

/** Writes a second. Shares refer to what one-statement stores for clients that wait for their answers. */
export async function ratesOf(
  options: BenchOptions,
  server: Server,
  code: Code,
): Promise<{ capacity: number | null; rate: number[] }> {
  const { rate, prefill, lanes, seconds, signal, onProgress } = options;
  const perSecond = (capacity: number): number[] => rate.map((each) => writesPerSecond(each, capacity));
  if (rate.every((each) => 'perSecond' in each)) return { capacity: null, rate: perSecond(0) };
  onProgress('measuring what one-statement can take');
  const fixed = {
    workload: 'table',
    clients: [capacityClients],
    prefill: prefill.slice(0, 1),
    lanes: lanes.slice(0, 1),
  } as const;
  const axis = axisOf(
    { ...options, ...fixed, duplicates: options.duplicates.slice(0, 1), rate: [0] },
    'table',
  );
  const [made] = await measureAll({
    options: { ...options, ...fixed, rounds: 1, seconds, signal, onMeasurement: () => undefined },
    axis: { ...axis, points: axis.points.slice(0, 1) },
    contenders: ['one-statement'],
    server,
    code,
    databases: 'fresh',
  });
  const capacity = made?.documentsPerSecond ?? 0;
  return { capacity, rate: perSecond(capacity) };
}
