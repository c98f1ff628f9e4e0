/** The rounds of a run: each measures all contenders in turn, for each value on the axis, on equal databases. */
import { axisUnits, type Axis } from './axis.ts';
import type { BenchOptions, DatabaseChoice, RunMeasurement } from './bench-options.ts';
import type { Code } from './code.ts';
import { measure } from './measure.ts';
import type { MeasureOptions, Measurement } from './measurement.ts';
import { isOfRows, type ContenderName } from './names.ts';
import { prefillRows } from './prefill-rows.ts';
import type { Server } from './server.ts';
import { World } from './world.ts';

export interface Run {
  options: BenchOptions;
  axis: Axis;
  contenders: readonly ContenderName[];
  server: Server;
  code: Code;
  /** Whether the measurements of one prefill share a database. */
  databases: Exclude<DatabaseChoice, 'auto'>;
}

export async function measureAll(run: Run): Promise<RunMeasurement[]> {
  const { axis, options, server, databases } = run;
  // Values with a database of their own are measured one after another, so that only one exists at a time.
  const isOfWorld = axis.name === 'prefill' || axis.name === 'lanes';
  const groups = isOfWorld ? axis.points.map((point) => [point]) : [axis.points];
  const measurements: RunMeasurement[] = [];
  for (const points of groups) {
    const [first] = points;
    if (first === undefined) continue;
    const { prefill, lanes } = first.conditions;
    options.signal.throwIfAborted();
    const world = await World.create({
      serverUrl: server.url,
      isShared: databases === 'shared',
      documents: prefill,
      lanes,
      ...(isOfRows(options.workload) ? { prefill: prefillRows, hasRoles: true } : {}),
      signal: options.signal,
      onProgress: (stored) => options.onProgress(`storing documents: ${stored} of ${prefill}`),
    });
    try {
      await measureRounds(run, points, world, measurements);
    } finally {
      await world.remove();
    }
  }
  return measurements;
}

async function measureRounds(
  { axis, options, contenders, server, code, databases }: Run,
  points: Axis['points'],
  world: World,
  measurements: RunMeasurement[],
): Promise<void> {
  const { rounds, signal, onProgress } = options;
  for (let round = 1; round <= rounds; round++) {
    for (const { value, conditions } of points) {
      // Each round starts with another contender, so that none always follows the same one.
      for (const contender of turned(contenders, round - 1)) {
        signal.throwIfAborted();
        const where = `${value} ${axisUnits[axis.name]}`;
        onProgress(`round ${round} of ${rounds}: ${contender}, ${where}`);
        const { workload: name, seed, district } = options;
        // On a shared database, no contender may send what another has stored.
        const series = databases === 'shared' ? 1000 * measurements.length : 0;
        const measurement = await measureOne(where, {
          ...options,
          ...conditions,
          contender,
          workload: {
            name,
            prefill: conditions.prefill,
            duplicates: conditions.duplicates,
            seed: seed + round + series,
            district,
          },
          warmupMs: options.warmupSeconds * 1000,
          durationMs: options.seconds * 1000,
          world,
          serverPid: server.pid,
          code,
        });
        const made = { ...measurement, round, axis: axis.name, value };
        measurements.push(made);
        options.onMeasurement(made);
      }
    }
  }
}

async function measureOne(where: string, options: MeasureOptions): Promise<Measurement> {
  try {
    return await measure(options);
  } catch (error) {
    options.signal.throwIfAborted();
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`Cannot measure ${options.contender} with ${where}: ${reason}`, { cause: error });
  }
}

function turned<T>(list: readonly T[], by: number): T[] {
  const at = list.length === 0 ? 0 : by % list.length;
  return [...list.slice(at), ...list.slice(0, at)];
}
