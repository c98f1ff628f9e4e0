// One scenario: a deployment of its own, the rate before, what happens, the rate then, and the check that nothing was lost
// or doubled on the way.

import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { BulkLoad } from './bulk-load.ts';
import { canary, checkDeployment, historyFileOf } from './check-deployment.ts';
import { Deployment } from './deployment.ts';
import { Recorder } from './recorder.ts';
import { Rng } from './rng.ts';
import { goal, scenarios, type ScenarioName } from './scenarios.ts';
import type { Counts } from './verdict.ts';

export interface ScenarioOptions {
  name: ScenarioName;
  seed: number;
  /** Of each measurement. */
  windowMs: number;
  /** Told what happens. */
  onProgress?: (sentence: string) => void;
  /** Ends the run early, and everything with it. */
  signal?: AbortSignal;
}

export interface ScenarioReport extends Counts {
  scenario: ScenarioName;
  seed: number;
  loop: 'open' | 'closed';
  /** In a closed loop. */
  capacityPerSecond: number;
  /** Null: as much as was taken. */
  offeredPerSecond: number | null;
  baselinePerSecond: number;
  duringPerSecond: number;
  thenPerSecond: number;
  /** `thenPerSecond` ÷ `baselinePerSecond`. */
  ratio: number;
  goal: number;
  meetsGoal: boolean;
  backAfterMs: number | null;
  calmAfterMs: number | null;
  isSound: boolean;
  findings: string[];
  /** Where history, logs and database are, if the run was not sound. */
  kept: string | null;
}

/** Of the capacity, so that a rate that is back can be told from one that is not, and a backlog can be worked off. */
const offeredShare = 0.65;
const streams = 8;

export async function runScenario(options: ScenarioOptions): Promise<ScenarioReport> {
  const { name, seed, windowMs, signal, onProgress = () => undefined } = options;
  const rng = new Rng(seed);
  const scenario = scenarios[name];
  const { loop } = scenario;
  const deployment = await Deployment.start({
    nodes: ['coordinated', 'coordinated'],
    writers: 2,
    logLevel: 'info',
  });
  const abandon = (): void => deployment.abandon();
  process.once('exit', abandon);
  let isSound = false;
  try {
    const recorder = new Recorder(historyFileOf(deployment));
    const load = new BulkLoad({
      nodes: deployment.nodes,
      recorder,
      streams,
      seed: rng.int(0, 2 ** 31),
      canary,
    });
    const client = new pg.Client({ connectionString: deployment.url });
    // A restart ends it.
    client.on('error', () => undefined);
    await client.connect();
    const measure = async (): Promise<number> => {
      const since = performance.now();
      await pause(windowMs);
      signal?.throwIfAborted();
      return recorder.rate(since, since + windowMs);
    };

    await load.start();
    // Processes and caches warm up.
    await pause(windowMs);
    const capacityPerSecond = await measure();
    let [baselinePerSecond, offeredPerSecond]: [number, number | null] = [capacityPerSecond, null];
    if (loop === 'open') {
      offeredPerSecond = Math.round(offeredShare * capacityPerSecond);
      // What the closed loop left is no part of it.
      load.offer(0);
      while (load.waiting > 0) await pause(20);
      load.offer(offeredPerSecond);
      await pause(1000);
      baselinePerSecond = await measure();
    }
    onProgress(`${name}: ${Math.round(baselinePerSecond)} a second before`);
    const rates = await scenario.play({
      deployment,
      load,
      recorder,
      rng,
      client,
      windowMs,
      baselinePerSecond,
    });
    signal?.throwIfAborted();
    await deployment.calm();
    await load.stop();
    await recorder.end();
    await client.end().catch(() => undefined);
    const { verdict, calmAfterMs } = await checkDeployment(deployment);
    ({ isSound } = verdict);
    const { counts, findings } = verdict;
    const ratio = rates.thenPerSecond / baselinePerSecond;
    return {
      scenario: name,
      seed,
      loop,
      capacityPerSecond: Math.round(capacityPerSecond),
      offeredPerSecond,
      baselinePerSecond: Math.round(baselinePerSecond),
      duringPerSecond: Math.round(rates.duringPerSecond),
      thenPerSecond: Math.round(rates.thenPerSecond),
      ratio: Number(ratio.toFixed(3)),
      goal,
      meetsGoal: ratio >= goal,
      backAfterMs: rates.backAfterMs,
      ...counts,
      calmAfterMs,
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
