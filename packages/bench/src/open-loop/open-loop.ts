/**
 * The workload `open-loop`: requests over HTTP arrive at a given rate, whatever the answers take, at deployments of several
 * sizes, of this build and of others beside it. In each round every deployment is started once, on a fresh copy of one
 * prefilled database, and measured at each rate, so that what the machine does meanwhile meets all of them.
 */
import { BenchProcess } from '../bench-process.ts';
import { machineFacts, type MachineFacts } from '../machine-facts.ts';
import { chooseCode, type CodeChoice } from '../code.ts';
import { processesCpuMs, serverCpuMs } from '../cpu-time.ts';
import { openServer, type Server, type ServerFacts } from '../server.ts';
import { percentile } from '../statistics.ts';
import { World } from '../world.ts';
import { otherBuild, ownBuild, profiled, type Build } from './build.ts';
import { Deployment } from './deployment.ts';
import { countMissedHints } from './missed-hints.ts';
import { resultsOf, type OpenLoopMeasurement, type OpenLoopResult, type Place } from './results.ts';
import { SluiceProcess } from './sluice-process.ts';

export interface OpenLoopOptions {
  /** Writes that arrive in a second. */
  rate: readonly number[];
  writers: readonly number[];
  nodes: readonly number[];
  lanes: readonly number[];
  rounds: number;
  seconds: number;
  warmupSeconds: number;
  prefill: number;
  seed: number;
  /** The checkout that this benchmark belongs to. */
  checkout: string;
  code: CodeChoice;
  /** Folders of other checkouts, built. */
  builds: readonly string[];
  flushDelayMs: number;
  postgres: Readonly<Record<string, string>>;
  databaseUrl: string | null;
  dataDir: string | null;
  /** Takes CPU profiles of writers and nodes into this folder. */
  profileFolder: string | null;
  signal: AbortSignal;
  onProgress: (sentence: string) => void;
  onMeasurement: (measurement: OpenLoopMeasurement) => void;
}

export interface OpenLoopReport {
  benchmark: 'sluice';
  at: string;
  workload: 'open-loop';
  options: Record<string, unknown>;
  machine: MachineFacts;
  server: ServerFacts;
  results: OpenLoopResult[];
  measurements: OpenLoopMeasurement[];
}

const reportedOptions = [
  'rate',
  'writers',
  'nodes',
  'lanes',
  'rounds',
  'seconds',
  'warmupSeconds',
  'prefill',
  'seed',
] as const;

export async function openLoop(options: OpenLoopOptions): Promise<OpenLoopReport> {
  const builds = [
    ownBuild(options.checkout, chooseCode(options.code).kind),
    ...options.builds.map((folder) => otherBuild(folder)),
  ].map((build) => (options.profileFolder === null ? build : profiled(build, options.profileFolder)));
  options.onProgress('starting PostgreSQL');
  const { databaseUrl, dataDir, flushDelayMs, postgres: settings } = options;
  const server = await openServer({ databaseUrl, dataDir, flushDelayMs, settings, withStatements: false });
  try {
    const measurements: OpenLoopMeasurement[] = [];
    for (const lanes of new Set(options.lanes))
      await measureLanes(options, builds, lanes, server, measurements);
    return {
      benchmark: 'sluice',
      at: new Date().toISOString(),
      workload: 'open-loop',
      options: {
        ...Object.fromEntries(reportedOptions.map((name) => [name, options[name]])),
        builds: builds.map(({ name }) => name),
      },
      machine: machineFacts(),
      server: server.facts,
      results: resultsOf(measurements),
      measurements,
    };
  } finally {
    await server.stop();
  }
}

/** Each build has its own database: its schema may be another. */
async function measureLanes(
  options: OpenLoopOptions,
  builds: readonly Build[],
  lanes: number,
  server: Server,
  measurements: OpenLoopMeasurement[],
): Promise<void> {
  const worlds: { build: Build; world: World }[] = [];
  try {
    for (const build of builds) {
      const world = await World.create({
        serverUrl: server.url,
        isShared: false,
        documents: options.prefill,
        lanes,
        signal: options.signal,
        onProgress: (stored) => options.onProgress(`storing documents: ${stored} of ${options.prefill}`),
        migrate: async (url) =>
          void (await SluiceProcess.start({ build, args: ['migrate'], databaseUrl: url })),
      });
      worlds.push({ build, world });
    }
    const places = [...new Set(options.nodes)].flatMap((nodes) =>
      [...new Set(options.writers)].flatMap((writers) => worlds.map((own) => ({ ...own, nodes, writers }))),
    );
    for (let round = 1; round <= options.rounds; round++) {
      // Forth and back, so that no place always comes after the same one.
      for (const { build, world, nodes, writers } of round % 2 === 1 ? places : places.toReversed()) {
        options.signal.throwIfAborted();
        options.onProgress(
          `round ${round} of ${options.rounds}: ${build.name}, ${lanes} lanes, ${nodes} nodes, ${writers} writers`,
        );
        await world.use('own', (url) =>
          measurePlace(
            options,
            { build, url, lanes, nodes, writers },
            server,
            (measurement) => {
              const made = { ...measurement, round };
              measurements.push(made);
              options.onMeasurement(made);
            },
            round,
          ),
        );
      }
    }
  } finally {
    for (const { world } of worlds) await world.remove();
  }
}

type Made = Omit<OpenLoopMeasurement, 'round'>;

async function measurePlace(
  options: OpenLoopOptions,
  { build, url, ...size }: Omit<Place, 'build'> & { build: Build; url: string },
  server: Server,
  onMeasurement: (measurement: Made) => void,
  round: number,
): Promise<void> {
  const place = { ...size, build: build.name };
  const deployment = new Deployment({ ...size, build, url });
  const kill = (): void => deployment.kill();
  options.signal.addEventListener('abort', kill);
  try {
    await deployment.start();
    for (const rate of new Set(options.rate))
      onMeasurement(await measureRate(options, place, deployment, server, rate, round));
  } catch (error) {
    options.signal.throwIfAborted();
    throw error;
  } finally {
    options.signal.removeEventListener('abort', kill);
    await deployment.stop();
  }
}

async function measureRate(
  options: OpenLoopOptions,
  place: Place,
  deployment: Deployment,
  server: Server,
  rate: number,
  round: number,
): Promise<Made> {
  const { seed, prefill, warmupSeconds, seconds } = options;
  const name = 'open-loop';
  const load = await BenchProcess.start({
    task: {
      role: 'open-load',
      nodeUrls: deployment.nodes.map((node) => node.url),
      workload: { name, prefill, share: { index: rate, of: 1 }, seed: seed + round, district: null },
      perSecond: rate,
      seed: seed + round,
    },
    code: chooseCode(options.code),
    profileFolder: null,
  });
  try {
    const cpuMs = (): OpenLoopMeasurement['cpuMsPerSecond'] => ({
      writers: processesCpuMs(deployment.writers.map(({ pid }) => pid)),
      nodes: processesCpuMs(deployment.nodes.map(({ pid }) => pid)),
      postgres: serverCpuMs(server.pid),
    });
    const metricsUrls = deployment.writers.map(({ metricsUrl }) => metricsUrl);
    const missedBefore = await countMissedHints(metricsUrls);
    const before = cpuMs();
    const { warm, result } = load.go(warmupSeconds * 1000, seconds * 1000);
    await warm;
    const {
      result: { latencies, openLoop },
    } = await result;
    const after = cpuMs();
    const each = (from: number | null, to: number | null): number | null =>
      from === null || to === null ? null : Math.round((to - from) / (warmupSeconds + seconds));
    const sorted = latencies.sort();
    return {
      ...place,
      rate,
      requests: sorted.length,
      failed: openLoop?.failed ?? 0,
      p50Ms: percentile(sorted, 50),
      p90Ms: percentile(sorted, 90),
      p99Ms: percentile(sorted, 99),
      maxMs: percentile(sorted, 100),
      lateP99Ms: openLoop?.lateP99Ms ?? null,
      missedHints: (await countMissedHints(metricsUrls)) - missedBefore,
      cpuMsPerSecond: {
        writers: each(before.writers, after.writers),
        nodes: each(before.nodes, after.nodes),
        postgres: each(before.postgres, after.postgres),
      },
    };
  } finally {
    await load.stop();
  }
}
