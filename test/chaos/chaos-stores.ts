// The attack on several data stores at once: each has clients and faults of its own, on two servers and in the processes that they
// share. First one server is down for some seconds, and the stores of the other one go on meanwhile.

import { setTimeout as pause } from 'node:timers/promises';
import { Attack, type AttackReport } from './attack.ts';
import { untilOver, type ChaosOptions } from './chaos.ts';
import { Rng } from './rng.ts';
import { StoresDeployment } from './stores-deployment.ts';

export interface StoresChaosOptions extends ChaosOptions {
  /** Odd ones are on the second server. */
  stores: number;
}

/** The stores of one server, while the other one is down. */
export interface BesideServer {
  /** Acknowledgements a second of all of them. */
  beforePerSecond: number;
  duringPerSecond: number;
  /** In which nothing was acknowledged. */
  longestPauseMs: number;
}

export interface StoresChaosReport {
  seed: number;
  stores: Record<string, AttackReport>;
  besideServer: BesideServer;
  isSound: boolean;
  /** Null: some store was not calm within the bound. */
  calmAfterMs: number | null;
  /** Where history, logs and databases are, if the run was not sound. */
  kept: string | null;
}

const warmUpMs = 3000;
const measureMs = 5000;
const lookMs = 50;

export async function runStoresChaos(options: StoresChaosOptions): Promise<StoresChaosReport> {
  const { seed, stores, writers = 3, faultIntervalMs, signal, onProgress = () => undefined } = options;
  const rng = new Rng(seed);
  const deployment = await StoresDeployment.start({
    stores,
    nodes: ['coordinated', 'coordinated', 'direct'],
    writers,
  });
  const abandon = (): void => deployment.abandon();
  process.once('exit', abandon);
  let isSound = false;
  try {
    const { scenes } = deployment;
    const ofStore = { ...options, faultIntervalMs: faultIntervalMs * stores };
    const attacks = scenes.map((scene) => new Attack(scene, rng.fork(), ofStore));
    await Promise.all(attacks.map((attack) => attack.startClients()));
    const besideServer = await stopFirstServer(deployment, attacks);
    onProgress(`beside a server that is down: ${JSON.stringify(besideServer)}`);
    for (const attack of attacks) attack.startFaults();
    await untilOver(attacks, options);
    await Promise.all(attacks.map((attack) => attack.endFaults()));
    await deployment.calm();
    onProgress('the faults are over');
    await Promise.all(attacks.map((attack) => attack.endClients()));
    signal?.throwIfAborted();
    const reports = await Promise.all(attacks.map((attack) => attack.check()));
    isSound = reports.every((report) => report.isSound);
    const calm = reports.map(({ calmAfterMs }) => calmAfterMs);
    return {
      seed,
      stores: Object.fromEntries(reports.map((report, index) => [scenes[index]!.name, report])),
      besideServer,
      isSound,
      calmAfterMs: calm.includes(null) ? null : Math.max(...calm.map(Number)),
      kept: isSound ? null : deployment.folder,
    };
  } finally {
    await deployment.stop();
    process.off('exit', abandon);
    if (isSound || signal?.aborted === true) await deployment.remove();
  }
}

async function stopFirstServer(
  { scenes, servers }: StoresDeployment,
  attacks: readonly Attack[],
): Promise<BesideServer> {
  const beside = attacks.filter((_, index) => scenes[index]!.server !== servers[0]);
  const acked = (): number => beside.reduce((sum, { recorder }) => sum + recorder.acked, 0);
  const rate = async (): Promise<[perSecond: number, longestPauseMs: number]> => {
    const [from, first] = [performance.now(), acked()];
    let [longestPauseMs, last, lastAt] = [0, first, from];
    while (performance.now() - from < measureMs) {
      await pause(lookMs);
      if (acked() === last) longestPauseMs = Math.max(longestPauseMs, performance.now() - lastAt);
      else [last, lastAt] = [acked(), performance.now()];
    }
    return [Math.round((acked() - first) / (measureMs / 1000)), Math.round(longestPauseMs)];
  };
  await pause(warmUpMs);
  const [beforePerSecond] = await rate();
  const back = servers[0]!.restart('SIGQUIT', measureMs);
  const [duringPerSecond, longestPauseMs] = await rate();
  await back;
  return { beforePerSecond, duringPerSecond, longestPauseMs };
}
