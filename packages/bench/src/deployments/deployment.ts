/** Writers and API nodes of one build, as an operator runs them, on one database; or the nodes of `seed-direct`. */
import { rm, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BenchProcess } from '../bench-process.ts';
import type { Code } from '../code.ts';
import { CounterReader } from '../database-counters.ts';
import type { DeployedContender } from '../names.ts';
import { share } from '../start-processes.ts';
import { benchModelForm } from '../workload/bench-model.ts';
import type { Build } from './build.ts';
import { SluiceProcess } from './sluice-process.ts';

export interface DeploymentOptions {
  contender: DeployedContender;
  build: Build;
  /** The code of `seed-direct`. */
  code: Code;
  url: string;
  lanes: number;
  nodes: number;
  writers: number;
  /** Null: the model of the benchmark's own documents. */
  modelFiles: readonly string[] | null;
  /** Connections that the nodes of `seed-direct` share. */
  poolMax: number;
}

export interface DeployedNode {
  readonly pid: number;
  readonly url: string;
  stop(): Promise<void>;
  kill(): void;
}

/** The metrics of the processes are enough, so they log nothing else. */
const quiet = '--log-level=error';

export class Deployment {
  readonly #processes: DeployedNode[] = [];
  readonly writers: SluiceProcess[] = [];
  readonly nodes: DeployedNode[] = [];
  readonly #options: DeploymentOptions;
  #folder = '';

  constructor(options: DeploymentOptions) {
    this.#options = options;
  }

  get url(): string {
    return this.#options.url;
  }

  get nodeUrls(): string[] {
    return this.nodes.map(({ url }) => url);
  }

  /** Resolves when the writers share the lanes. */
  async start(): Promise<void> {
    const { contender, url, lanes, nodes, writers } = this.#options;
    if (contender === 'seed-direct') {
      this.nodes.push(...(await this.#startAll(nodes, (index) => this.#startSeedNode(index))));
      return;
    }
    const models = (this.#options.modelFiles ?? [await this.#writeModel()]).flatMap((file) => [
      '--model',
      file,
    ]);
    const shared = [...models, `--lanes=${lanes}`, quiet, '--stop-with-stdin'];
    if (contender === 'coordinated') {
      const writer = ['writer', '--metrics-port=0', ...shared];
      this.writers.push(...(await this.#startAll(writers, () => this.#startSluice(writer))));
      await lanesShared(url, lanes, writers);
    }
    // Every write goes through the intake; the fast path is measured elsewhere.
    const mode = contender === 'coordinated' ? '--fast-path-writes-max=0' : `--mode=${contender}`;
    const node = ['api', '--port=0', '--host=127.0.0.1', mode, ...shared];
    this.nodes.push(...(await this.#startAll(nodes, () => this.#startSluice(node))));
  }

  async #writeModel(): Promise<string> {
    this.#folder = await mkdtemp(join(tmpdir(), 'sluice-bench-model-'));
    const file = join(this.#folder, 'model.json');
    await writeFile(file, JSON.stringify(benchModelForm));
    return file;
  }

  #startSluice(args: readonly string[]): Promise<SluiceProcess> {
    const { build, url: databaseUrl } = this.#options;
    return SluiceProcess.start({ build, args, databaseUrl });
  }

  #startSeedNode(index: number): Promise<BenchProcess> {
    const { url, lanes, nodes, modelFiles, poolMax, code } = this.#options;
    const task = {
      role: 'node',
      url,
      workload: 'http',
      contender: 'seed-direct',
      lanes,
      modelFiles,
    } as const;
    return BenchProcess.start({
      task: { ...task, poolMax: share(poolMax, index, nodes) },
      code,
      profileFolder: null,
    });
  }

  async #startAll<T extends DeployedNode>(count: number, start: (index: number) => Promise<T>): Promise<T[]> {
    const settled = await Promise.allSettled(
      Array.from({ length: count }, async (_, index) => {
        const started = await start(index);
        this.#processes.push(started);
        return started;
      }),
    );
    // Only now, because nothing may still be starting while the rest is stopped.
    return settled.map((each) => {
      if (each.status === 'rejected') throw each.reason;
      return each.value;
    });
  }

  /** Nodes first, because the writers answer their writes under way. */
  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
    await Promise.all(this.#processes.map((each) => each.stop()));
    if (this.#folder !== '') await rm(this.#folder, { recursive: true, force: true });
  }

  kill(): void {
    for (const each of this.#processes) each.kill();
  }
}

const shareTimeoutMs = 60_000;
/** Time without a change after which the shares count as final, even or not. */
const settledMs = 2000;

async function lanesShared(url: string, lanes: number, writers: number): Promise<void> {
  const reader = await CounterReader.open(url);
  let last = '';
  let sameSince = performance.now();
  try {
    for (const until = sameSince + shareTimeoutMs; ;) {
      const shares = (await reader.countSharesOfLanes()).toSorted((one, other) => one - other);
      const now = performance.now();
      if (shares.join() !== last) sameSince = now;
      last = shares.join();
      const led = shares.reduce((sum, each) => sum + each, 0);
      const isEven = Math.max(...shares) <= Math.ceil(lanes / writers);
      if (led === lanes && (isEven || now - sameSince > settledMs)) return;
      if (now > until) throw new Error('Cannot measure: the writers do not lead all lanes');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  } finally {
    await reader.close();
  }
}
