/** Writers and API nodes of one build, as an operator runs them, on one database. */
import { rm, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CounterReader } from '../database-counters.ts';
import { benchModelForm } from '../workload/bench-model.ts';
import type { Build } from './build.ts';
import { SluiceProcess } from './sluice-process.ts';

export interface DeploymentOptions {
  build: Build;
  url: string;
  lanes: number;
  nodes: number;
  writers: number;
}

/** All that the processes of a deployment tell is in their metrics. */
const quiet = '--log-level=error';

export class Deployment {
  readonly #processes: SluiceProcess[] = [];
  readonly writers: SluiceProcess[] = [];
  readonly nodes: SluiceProcess[] = [];
  readonly #options: DeploymentOptions;
  #folder = '';

  constructor(options: DeploymentOptions) {
    this.#options = options;
  }

  /** Until the writers lead all lanes and no lane changes hands any more. */
  async start(): Promise<void> {
    const { url, lanes, nodes, writers } = this.#options;
    this.#folder = await mkdtemp(join(tmpdir(), 'sluice-bench-model-'));
    const model = join(this.#folder, 'model.json');
    await writeFile(model, JSON.stringify(benchModelForm));
    const shared = ['--model', model, `--lanes=${lanes}`, quiet, '--stop-with-stdin'];
    this.writers.push(...(await this.#startAll(writers, ['writer', '--metrics-port=0', ...shared])));
    await allLed(url, lanes);
    // Every write through the intake: what few writes cost a node that commits them itself is another question.
    const node = ['api', '--port=0', '--host=127.0.0.1', '--fast-path-writes-max=0', ...shared];
    this.nodes.push(...(await this.#startAll(nodes, node)));
  }

  async #startAll(count: number, args: readonly string[]): Promise<SluiceProcess[]> {
    const { build, url: databaseUrl } = this.#options;
    const settled = await Promise.allSettled(
      Array.from({ length: count }, async () => {
        const started = await SluiceProcess.start({ build, args, databaseUrl });
        this.#processes.push(started);
        return started;
      }),
    );
    // Only now: nothing may still be starting while the rest is stopped.
    return settled.map((start) => {
      if (start.status === 'rejected') throw start.reason;
      return start.value;
    });
  }

  /** Nodes first: they have the writers answer what is under way. */
  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
    await Promise.all(this.#processes.map((each) => each.stop()));
    await rm(this.#folder, { recursive: true, force: true });
  }

  kill(): void {
    for (const each of this.#processes) each.kill();
  }
}

const ledTimeoutMs = 60_000;
/** Sessions look around four times a second. */
const calmMs = 1000;

async function allLed(url: string, lanes: number): Promise<void> {
  const reader = await CounterReader.open(url);
  try {
    let before = '';
    let since = 0;
    for (const until = performance.now() + ledTimeoutMs; ;) {
      const shares = await reader.countSharesOfLanes();
      const now = shares.sort((a, b) => a - b).join(' ');
      if (now !== before) since = performance.now();
      before = now;
      const led = shares.reduce((sum, share) => sum + share, 0);
      if (led === lanes && performance.now() - since >= calmMs) return;
      if (performance.now() > until) throw new Error('Cannot measure: not all lanes are led, or they wander');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  } finally {
    await reader.close();
  }
}
