// An attack on one data store: clients, faults and the search for dangling references; then the check of what the clients saw
// against what the database holds.

import { besideLocks, type BesideLocks } from './beside-locks.ts';
import { BulkLoad } from './bulk-load.ts';
import { canary, checkDeployment, historyFileOf, type Evidence } from './check-deployment.ts';
import { checkRows } from './check-rows.ts';
import { Clients } from './clients.ts';
import { DanglingReader } from './dangling-reader.ts';
import type { FaultKind, FaultWeights } from './fault-weights.ts';
import { FaultInjector, type Fault, type Scene } from './faults.ts';
import { readRows } from './read-rows.ts';
import { AckRate, Recorder } from './recorder.ts';
import { recoveryOf, recoveryTimesOf, type Recovery, type RecoveryTimes } from './recovery.ts';
import type { Rng } from './rng.ts';
import { RowClients } from './row-clients.ts';
import { RowWorkload } from './row-workload.ts';
import { Verdict, type Counts } from './verdict.ts';
import { Workload } from './workload.ts';

export interface AttackOptions {
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
  weights?: FaultWeights;
}

/** What one data store went through. */
export interface AttackReport extends Counts {
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
}

export class Attack {
  readonly recorder: Recorder;
  readonly #scene: Scene & Evidence;
  readonly #clients: Clients;
  readonly #rowClients: RowClients;
  readonly #load: BulkLoad;
  readonly #rate: number;
  readonly #neighbours = new AckRate();
  readonly #injector: FaultInjector;
  readonly #reader: DanglingReader;
  #startedAt = 0;
  #seconds = 0;

  constructor(scene: Scene & Evidence, rng: Rng, options: AttackOptions) {
    const { nodes } = scene;
    const { clients, rowClients = 16, rate = 0, streams = 16, faultIntervalMs, weights } = options;
    const seed = (): number => rng.int(0, 2 ** 31);
    const recorder = new Recorder(historyFileOf(scene));
    this.recorder = recorder;
    this.#scene = scene;
    this.#rate = rate;
    const workload = new Workload(seed());
    this.#clients = new Clients({ nodes, workload, clients, seed: seed(), recorder, canary });
    const source = new RowWorkload(seed());
    this.#rowClients = new RowClients({ nodes, source, clients: rowClients, seed: seed(), canary });
    const neighbours = this.#neighbours;
    this.#load = new BulkLoad({
      nodes,
      recorder: {
        invoke: (invoke) => recorder.invoke(invoke),
        hear(event) {
          recorder.hear(event);
          neighbours.note(event);
        },
      },
      streams,
      seed: seed(),
      canary,
    });
    this.#injector = new FaultInjector({
      deployment: scene,
      rng: rng.fork(),
      intervalMs: faultIntervalMs,
      acked: () => recorder.acked,
      ...(weights === undefined ? {} : { weights }),
    });
    this.#reader = new DanglingReader(() => scene.url);
  }

  get kills(): number {
    return countKills(this.#injector.faults);
  }

  /** Acknowledged writes, of documents or of rows: the smaller number. */
  get ackedLeast(): number {
    return Math.min(this.recorder.acked, this.#rowClients.acked);
  }

  get progress(): string {
    const { recorder } = this;
    return `${recorder.acked} acknowledged, ${this.#rowClients.acked} of rows, ${this.#injector.faults.length} faults`;
  }

  async startClients(): Promise<void> {
    this.#startedAt = performance.now();
    await Promise.all([this.#clients.start(), this.#load.start(this.#rate)]);
    this.#rowClients.start();
    this.#reader.start();
  }

  startFaults(): void {
    this.#injector.start();
  }

  /** Waits until the last one is over. */
  async endFaults(): Promise<void> {
    await this.#injector.stop();
  }

  /** Waits for the answers to what is under way. */
  async endClients(): Promise<void> {
    this.#seconds = (performance.now() - this.#startedAt) / 1000;
    await Promise.all([this.#clients.stop(), this.#load.stop(), this.#rowClients.stop()]);
    await this.recorder.end();
  }

  async check(): Promise<AttackReport> {
    const reader = this.#reader;
    const { verdict, outcomes, calmAfterMs } = await checkDeployment(this.#scene, async () => {
      await reader.stop();
      return reader.samples;
    });
    const ofRows = new Verdict();
    const truth = { ...(await readRows(this.#scene.url)), orphans: reader.orphans };
    checkRows(this.#rowClients.requests, truth, ofRows);
    const { counts } = verdict;
    const { faults } = this.#injector;
    const recoveryTimes = recoveryTimesOf(faults, outcomes);
    return {
      ...counts,
      seconds: Math.round(this.#seconds),
      rows: ofRows.counts,
      ackedPerSecond: Math.round(counts.ok / this.#seconds),
      faults: countKinds(faults),
      kills: this.kills,
      recovery: recoveryOf(recoveryTimes),
      recoveryTimes,
      besideLocks: besideLocks(faults, this.#neighbours),
      calmAfterMs,
      samples: reader.samples.length,
      isSound: verdict.isSound && ofRows.isSound,
      findings: [...verdict.findings, ...ofRows.findings],
    };
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
