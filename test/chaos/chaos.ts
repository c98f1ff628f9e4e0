// A run: a deployment, clients, faults; then no more faults, the time to recover, and the check of the two recordings.

import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { checkHistory } from './check-history.ts';
import { Clients } from './clients.ts';
import { DanglingReader } from './dangling-reader.ts';
import { Deployment } from './deployment.ts';
import { FaultInjector, type Fault, type FaultKind } from './faults.ts';
import type { Truth } from './history.ts';
import { countLeaks, readHistory, readIntake, readTruth, readUnledLanes } from './read-truth.ts';
import { recoveryOf, type Recovery } from './recovery.ts';
import { Rng } from './rng.ts';
import type { Counts } from './verdict.ts';
import { Workload } from './workload.ts';

export interface ChaosOptions {
  seed: number;
  /** How long faults come. */
  durationMs: number;
  /** And for longer, until so many processes were ended. @default 0 */
  killsMin?: number;
  /** Between two faults, on average. */
  faultIntervalMs: number;
  clients: number;
  weights?: Readonly<Partial<Record<FaultKind, number>>>;
  /** Told what happens. */
  onProgress?: (sentence: string) => void;
  /** Ends the run early, and everything with it. */
  signal?: AbortSignal;
}

export interface ChaosReport extends Counts {
  seed: number;
  seconds: number;
  ackedPerSecond: number;
  faults: Partial<Record<FaultKind, number>>;
  /** Processes that were ended, ours and PostgreSQL's. */
  kills: number;
  recovery: Recovery;
  /** Time until nothing waited and every lane was led, once the faults were over; null: not within the bound. */
  calmAfterMs: number | null;
  samples: number;
  isSound: boolean;
  findings: string[];
  /** Where history, logs and database are, if the run was not sound. */
  kept: string | null;
}

/** After the last fault, everything that was left has its outcome within this time, and every lane a leader. */
export const recoveryBoundMs = 10_000;
const canary = 'ZZZ-LEAK';

export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const {
    seed,
    durationMs,
    faultIntervalMs,
    clients: clientCount,
    signal,
    onProgress = () => undefined,
  } = options;
  const rng = new Rng(seed);
  const deployment = await Deployment.start({
    nodes: ['coordinated', 'coordinated', 'local', 'direct'],
    writers: 3,
    logLevel: 'info',
  });
  const abandon = (): void => deployment.abandon();
  process.once('exit', abandon);
  let isSound = false;
  try {
    const historyFile = join(deployment.folder, 'history.jsonl');
    const workload = new Workload(rng.int(0, 2 ** 31));
    const clients = new Clients({
      nodes: deployment.nodes,
      workload,
      clients: clientCount,
      seed: rng.int(0, 2 ** 31),
      historyFile,
      canary,
    });
    const injector = new FaultInjector({
      deployment,
      rng: rng.fork(),
      intervalMs: faultIntervalMs,
      ...(options.weights === undefined ? {} : { weights: options.weights }),
    });
    const reader = new DanglingReader(() => deployment.url);
    const started = performance.now();
    await clients.start();
    reader.start();
    injector.start();
    const { killsMin = 0 } = options;
    const isOver = (): boolean => {
      if (signal?.aborted === true) return true;
      return performance.now() - started >= durationMs && countKills(injector.faults) >= killsMin;
    };
    while (!isOver()) {
      const seconds = (performance.now() - started) / 1000;
      if (Math.floor(seconds) % 10 === 0)
        onProgress(
          `${seconds.toFixed(0)} s, ${clients.acked} acknowledged, ${injector.faults.length} faults`,
        );
      await pause(1000);
    }
    signal?.throwIfAborted();
    await injector.stop();
    await deployment.calm();
    const seconds = (performance.now() - started) / 1000;
    onProgress('the faults are over');
    await clients.stop();
    const calmAfterMs = await untilCalm(deployment.url);
    await reader.stop();
    signal?.throwIfAborted();

    const leaks = await countLeaks(
      deployment.logFolder,
      [join(deployment.folder, 'postgres/postgres.log')],
      canary,
    );
    const truth = {
      ...(await readTruth(deployment.url)),
      samples: reader.samples,
      unanswered: [],
      leaks,
    } satisfies Truth;
    const verdict = checkHistory(await readHistory(historyFile), truth);
    ({ isSound } = verdict);
    const { counts, findings } = verdict;
    return {
      seed,
      ...counts,
      seconds: Math.round(seconds),
      ackedPerSecond: Math.round(counts.ok / seconds),
      faults: countKinds(injector.faults),
      kills: countKills(injector.faults),
      recovery: recoveryOf(injector.faults, truth.outcomes),
      calmAfterMs,
      samples: reader.samples.length,
      isSound,
      findings,
      kept: isSound ? null : deployment.folder,
    };
  } finally {
    await deployment.stop();
    process.off('exit', abandon);
    if (isSound || signal?.aborted === true) await deployment.remove();
  }
}

/** Until nothing waits for anything but what it may wait for, and every lane is led. */
async function untilCalm(url: string): Promise<number | null> {
  const client = new pg.Client(url);
  await client.connect();
  const since = performance.now();
  try {
    for (;;) {
      const [intake, unled] = [await readIntake(client), await readUnledLanes(client)];
      if (unled.length === 0 && intake.every(({ isWaiting }) => isWaiting))
        return Math.round(performance.now() - since);
      if (performance.now() - since > recoveryBoundMs) return null;
      await pause(100);
    }
  } finally {
    await client.end();
  }
}

/** Processes that were ended, ours and PostgreSQL's. */
export function countKills(faults: readonly Pick<Fault, 'kind'>[]): number {
  return faults.filter(({ kind }) => /^(kill|terminate|restart)/.test(kind)).length;
}

function countKinds(faults: readonly Fault[]): Partial<Record<FaultKind, number>> {
  const counts: Partial<Record<FaultKind, number>> = {};
  for (const { kind } of faults) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}
