// A run: a deployment, clients, faults; then no more faults, the time to recover, and the check of the two recordings.

import { setTimeout as pause } from 'node:timers/promises';
import { besideLocks, type BesideLocks } from './beside-locks.ts';
import { checkRows } from './check-rows.ts';
import { BulkLoad } from './bulk-load.ts';
import { canary, checkDeployment, historyFileOf } from './check-deployment.ts';
import { Clients } from './clients.ts';
import { DanglingReader } from './dangling-reader.ts';
import { Deployment } from './deployment.ts';
import type { FaultKind, FaultWeights } from './fault-weights.ts';
import { FaultInjector, type Fault } from './faults.ts';
import { AckRate, Recorder } from './recorder.ts';
import { recoveryOf, recoveryTimesOf, type Recovery, type RecoveryTimes } from './recovery.ts';
import { readRows } from './read-rows.ts';
import { Rng } from './rng.ts';
import { RowClients } from './row-clients.ts';
import { RowWorkload } from './row-workload.ts';
import { Verdict, type Counts } from './verdict.ts';
import { Workload } from './workload.ts';

export interface ChaosOptions {
  seed: number;
  /** How long faults come. */
  durationMs: number;
  /** And for longer, until so many processes were ended. @default 0 */
  killsMin?: number;
  /** Clients go on after the last fault until so many of their writes, of documents and of rows each, are acknowledged. @default 0 */
  ackedMin?: number;
  /** Between two faults, on average. */
  faultIntervalMs: number;
  /** Who send one request after the other, in contention. */
  clients: number;
  /** Of rows, beside them. @default 16 */
  rowClients?: number;
  /** Documents a second beside them, by `POST /bulk`, which nobody else writes; Infinity: as many as are taken. @default 0 */
  rate?: number;
  /** In so many requests under way, each with up to 256 documents that wait. @default 16 */
  streams?: number;
  /** @default 3 */
  writers?: number;
  weights?: FaultWeights;
  /** Told what happens. */
  onProgress?: (sentence: string) => void;
  /** Ends the run early, and everything with it. */
  signal?: AbortSignal;
}

export interface ChaosReport extends Counts {
  seed: number;
  seconds: number;
  /** The same of rows; `findings` has those of both. */
  rows: Counts;
  ackedPerSecond: number;
  faults: Partial<Record<FaultKind, number>>;
  /** Processes that were ended, ours and PostgreSQL's. */
  kills: number;
  recovery: Recovery;
  /** What it was made of, so that several runs add up. */
  recoveryTimes: RecoveryTimes;
  /** Null: nobody has locked documents. */
  besideLocks: BesideLocks | null;
  /** Time until nothing waited and every lane was led, once the faults were over; null: not within the bound. */
  calmAfterMs: number | null;
  samples: number;
  isSound: boolean;
  findings: string[];
  /** Where history, logs and database are, if the run was not sound. */
  kept: string | null;
}

export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const {
    seed,
    durationMs,
    faultIntervalMs,
    clients: clientCount,
    rowClients: rowClientCount = 16,
    rate = 0,
    streams = 16,
    writers = 3,
    killsMin = 0,
    ackedMin = 0,
    signal,
    onProgress = () => undefined,
  } = options;
  const rng = new Rng(seed);
  const deployment = await Deployment.start({
    nodes: ['coordinated', 'coordinated', 'local', 'direct'],
    writers,
    logLevel: 'info',
  });
  const abandon = (): void => deployment.abandon();
  process.once('exit', abandon);
  let isSound = false;
  try {
    const recorder = new Recorder(historyFileOf(deployment));
    const workload = new Workload(rng.int(0, 2 ** 31));
    const clients = new Clients({
      nodes: deployment.nodes,
      workload,
      clients: clientCount,
      seed: rng.int(0, 2 ** 31),
      recorder,
      canary,
    });
    const rowClients = new RowClients({
      nodes: deployment.nodes,
      source: new RowWorkload(rng.int(0, 2 ** 31)),
      clients: rowClientCount,
      seed: rng.int(0, 2 ** 31),
      canary,
    });
    const neighbours = new AckRate();
    const load = new BulkLoad({
      nodes: deployment.nodes,
      recorder: {
        invoke: (invoke) => recorder.invoke(invoke),
        hear(event) {
          recorder.hear(event);
          neighbours.note(event);
        },
      },
      streams,
      seed: rng.int(0, 2 ** 31),
      canary,
    });
    const injector = new FaultInjector({
      deployment,
      rng: rng.fork(),
      intervalMs: faultIntervalMs,
      acked: () => recorder.acked,
      ...(options.weights === undefined ? {} : { weights: options.weights }),
    });
    const reader = new DanglingReader(() => deployment.url);
    const started = performance.now();
    await Promise.all([clients.start(), load.start(rate)]);
    rowClients.start();
    reader.start();
    injector.start();
    const isOver = (): boolean => {
      if (signal?.aborted === true) return true;
      return performance.now() - started >= durationMs && countKills(injector.faults) >= killsMin;
    };
    while (!isOver()) {
      const seconds = (performance.now() - started) / 1000;
      if (Math.floor(seconds) % 10 === 0)
        onProgress(
          `${seconds.toFixed(0)} s, ${recorder.acked} acknowledged, ${rowClients.acked} of rows, ${injector.faults.length} faults`,
        );
      await pause(1000);
    }
    signal?.throwIfAborted();
    await injector.stop();
    await deployment.calm();
    while (Math.min(recorder.acked, rowClients.acked) < ackedMin && signal?.aborted !== true)
      await pause(100);
    const seconds = (performance.now() - started) / 1000;
    onProgress('the faults are over');
    await Promise.all([clients.stop(), load.stop(), rowClients.stop()]);
    await recorder.end();
    signal?.throwIfAborted();
    const { verdict, outcomes, calmAfterMs } = await checkDeployment(deployment, async () => {
      await reader.stop();
      return reader.samples;
    });
    const ofRows = new Verdict();
    checkRows(rowClients.requests, { ...(await readRows(deployment.url)), orphans: reader.orphans }, ofRows);
    isSound = verdict.isSound && ofRows.isSound;
    const { counts } = verdict;
    const findings = [...verdict.findings, ...ofRows.findings];
    const recoveryTimes = recoveryTimesOf(injector.faults, outcomes);
    return {
      seed,
      ...counts,
      seconds: Math.round(seconds),
      rows: ofRows.counts,
      ackedPerSecond: Math.round(counts.ok / seconds),
      faults: countKinds(injector.faults),
      kills: countKills(injector.faults),
      recovery: recoveryOf(recoveryTimes),
      recoveryTimes,
      besideLocks: besideLocks(injector.faults, neighbours),
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

/** Processes that were ended, ours and PostgreSQL's. */
export function countKills(faults: readonly Pick<Fault, 'kind'>[]): number {
  return faults.filter(({ kind }) => /^(kill|terminate|restart)/.test(kind)).length;
}

export function countKinds(faults: readonly Fault[]): Partial<Record<FaultKind, number>> {
  const counts: Partial<Record<FaultKind, number>> = {};
  for (const { kind } of faults) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}
