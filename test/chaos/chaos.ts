// A run: a deployment, clients, faults; then no more faults, the time to recover, and the check of the two recordings.

import { setTimeout as pause } from 'node:timers/promises';
import { Attack, type AttackOptions, type AttackReport } from './attack.ts';
import { Deployment } from './deployment.ts';
import { Rng } from './rng.ts';

export interface ChaosOptions extends AttackOptions {
  seed: number;
  /** How long faults come. */
  durationMs: number;
  /** And for longer, until so many processes were ended. @default 0 */
  killsMin?: number;
  /** Clients go on after the last fault until so many of their writes, of documents and of rows each, are acknowledged. @default 0 */
  ackedMin?: number;
  /** @default 3 */
  writers?: number;
  /** Told what happens. */
  onProgress?: (sentence: string) => void;
  /** Ends the run early, and everything with it. */
  signal?: AbortSignal;
}

export interface ChaosReport extends AttackReport {
  seed: number;
  /** Where history, logs and database are, if the run was not sound. */
  kept: string | null;
}

export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { seed, writers = 3, ackedMin = 0, signal, onProgress = () => undefined } = options;
  const deployment = await Deployment.start({
    nodes: ['coordinated', 'coordinated', 'local', 'direct'],
    writers,
    logLevel: 'info',
  });
  const abandon = (): void => deployment.abandon();
  process.once('exit', abandon);
  let isSound = false;
  try {
    const attack = new Attack(deployment, new Rng(seed), options);
    await attack.startClients();
    attack.startFaults();
    await untilOver([attack], options);
    await attack.endFaults();
    await deployment.calm();
    while (attack.ackedLeast < ackedMin) {
      signal?.throwIfAborted();
      await pause(100);
    }
    onProgress('the faults are over');
    await attack.endClients();
    signal?.throwIfAborted();
    const report = await attack.check();
    isSound = report.isSound;
    return { seed, ...report, kept: isSound ? null : deployment.folder };
  } finally {
    await deployment.stop();
    process.off('exit', abandon);
    if (isSound || signal?.aborted === true) await deployment.remove();
  }
}

/** Waits until the faults have come for long enough. @throws if the run is ended early */
export async function untilOver(attacks: readonly Attack[], options: ChaosOptions): Promise<void> {
  const { durationMs, killsMin = 0, signal, onProgress = () => undefined } = options;
  const started = performance.now();
  const kills = (): number => attacks.reduce((sum, attack) => sum + attack.kills, 0);
  while (performance.now() - started < durationMs || kills() < killsMin) {
    signal?.throwIfAborted();
    const seconds = Math.floor((performance.now() - started) / 1000);
    if (seconds % 10 === 0) onProgress(`${seconds} s: ${attacks.map(({ progress }) => progress).join('; ')}`);
    await pause(1000);
  }
}
