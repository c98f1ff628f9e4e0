// A load of rows, all with idempotency keys, while writers, nodes and PostgreSQL are killed, until each row has its answer. Most are appended to a
// table whose key the database gives; some are children, sent before their parents as often as behind them. Others change few rows again and
// again, so that a change in the wrong order, or made twice, shows in the ledger.

import { setTimeout as pause } from 'node:timers/promises';
import { canary, checkDeployment, historyFileOf } from './check-deployment.ts';
import { countKills, countKinds } from './attack.ts';
import { checkRows } from './check-rows.ts';
import { DanglingReader } from './dangling-reader.ts';
import { Deployment } from './deployment.ts';
import type { FaultKind, FaultWeights } from './fault-weights.ts';
import { FaultInjector } from './faults.ts';
import { readRows } from './read-rows.ts';
import { Recorder } from './recorder.ts';
import { Rng } from './rng.ts';
import { RowClients, type RowSource } from './row-clients.ts';
import type { RowWork } from './row-workload.ts';
import { Verdict, type Counts } from './verdict.ts';

export interface LoadRowsOptions {
  seed: number;
  /** To be loaded. */
  rows: number;
  clients: number;
  writers: number;
  faultIntervalMs: number;
  /** Told what happens. */
  onProgress: (sentence: string) => void;
  /** Ends the load early: the rows that were sent are still brought to their answers, and checked. */
  signal: AbortSignal;
}

export interface LoadRowsReport extends Counts {
  scenario: 'load-rows';
  seed: number;
  rows: number;
  seconds: number;
  rowsPerSecond: number;
  /** Processes that were ended. */
  kills: number;
  faults: Partial<Record<FaultKind, number>>;
  calmAfterMs: number | null;
  isSound: boolean;
  findings: string[];
  /** Where logs and database are, if the run was not sound. */
  kept: string | null;
}

const kills: FaultWeights = {
  killWriter: 8,
  killNode: 6,
  killPostgres: 2,
  killBackend: 2,
  commitAnswerLost: 1,
};

/** Of one request. */
const lines = 200;
/** Rows that are changed again and again. */
const hotRows = 50;

export async function loadRows(options: LoadRowsOptions): Promise<LoadRowsReport> {
  const { seed, onProgress, signal } = options;
  const rng = new Rng(seed);
  const deployment = await Deployment.start({
    nodes: ['coordinated', 'coordinated'],
    writers: options.writers,
    logLevel: 'info',
  });
  const abandon = (): void => deployment.abandon();
  process.once('exit', abandon);
  let isSound = false;
  try {
    const recorder = new Recorder(historyFileOf(deployment));
    const source = new LoadSource(options.rows, rng.fork());
    const seeds = { seed: rng.int(0, 2 ** 31), canary };
    const clients = new RowClients({
      ...seeds,
      nodes: deployment.nodes,
      source,
      clients: options.clients,
      lines,
    });
    const reader = new DanglingReader(() => deployment.url);
    const injector = new FaultInjector({
      deployment,
      rng: rng.fork(),
      intervalMs: options.faultIntervalMs,
      acked: () => clients.acked,
      weights: kills,
    });
    const started = performance.now();
    clients.start();
    reader.start();
    injector.start();
    for (let told = 0; source.open > 0; told++) {
      if (told % 10 === 0)
        onProgress(`${clients.acked} of ${source.rows} rows, ${injector.faults.length} faults`);
      await pause(1000);
      if (signal.aborted) source.close();
    }
    const seconds = (performance.now() - started) / 1000;
    const { rows } = source;
    await injector.stop();
    await deployment.calm();
    await clients.stop();
    await recorder.end();
    const { verdict: ofLanes, calmAfterMs } = await checkDeployment(deployment, async () => {
      await reader.stop();
      return reader.samples;
    });
    const verdict = new Verdict();
    checkRows(clients.requests, { ...(await readRows(deployment.url)), orphans: reader.orphans }, verdict);
    isSound = verdict.isSound && ofLanes.isSound;
    return {
      scenario: 'load-rows',
      seed,
      rows,
      seconds: Math.round(seconds),
      rowsPerSecond: Math.round(rows / seconds),
      kills: countKills(injector.faults),
      faults: countKinds(injector.faults),
      ...verdict.counts,
      calmAfterMs,
      isSound,
      findings: [...ofLanes.findings, ...verdict.findings],
      kept: isSound ? null : deployment.folder,
    };
  } finally {
    await deployment.stop();
    process.off('exit', abandon);
    if (isSound) await deployment.remove();
  }
}

/** A given number of rows. */
class LoadSource implements RowSource {
  /** To be loaded. */
  rows: number;
  readonly #rng: Rng;
  readonly #queue: RowWork[] = [];
  readonly #settled = new Set<number>();
  readonly #accounts: string[] = [];
  #made = 0;

  constructor(rows: number, rng: Rng) {
    this.rows = rows;
    this.#rng = rng;
  }

  /** Rows without a definite answer. */
  get open(): number {
    return this.rows - this.#settled.size;
  }

  /** No more are made. */
  close(): void {
    this.rows = Math.min(this.rows, this.#made);
  }

  next(): RowWork | null {
    const queued = this.#queue.shift();
    if (queued !== undefined) return queued;
    if (this.#made >= this.rows) return null;
    if (this.#rng.chance(0.2)) return this.#change();
    if (this.rows - this.#made < 4 || this.#rng.chance(0.9)) return this.#work('event', {});
    const shelf = `s${this.#made}`;
    const family = [
      this.#work('shelf', { key: shelf }),
      ...[1, 2, 3].map((place) =>
        this.#work('entry', { key: `${shelf}.${place}`, shelf, waitsForReferences: true }),
      ),
    ];
    const [first, ...rest] = this.#rng.shuffle(family);
    this.#queue.push(...rest);
    return first!;
  }

  repeat(work: RowWork): void {
    this.#queue.push(work);
  }

  learn({ token, target, operation, key }: RowWork, isApplied: boolean): void {
    this.#settled.add(token);
    if (isApplied && target === 'account' && operation === 'insert' && key !== null) this.#accounts.push(key);
  }

  /** A row that exists is changed; until there are enough, more are inserted. */
  #change(): RowWork {
    if (this.#rng.chance(0.2))
      return this.#work('gauge', { operation: 'upsert', key: `g${this.#rng.int(0, hotRows - 1)}` });
    if (this.#accounts.length < hotRows) return this.#work('account', { key: `a${this.#made}` });
    return this.#work('account', { operation: 'update', key: this.#rng.pick(this.#accounts) });
  }

  #work(target: string, more: Partial<RowWork>): RowWork {
    const token = this.#made++;
    const given = { key: null, shelf: null, rows: 1, waitsForReferences: false };
    return { operation: 'insert', target, token, idempotencyKey: `row-${token}`, ...given, ...more };
  }
}
