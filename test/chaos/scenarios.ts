// The scenarios of the public benchmark of queues on PostgreSQL, by their names: five in which something breaks, four in
// which something presses. Each says how fast writes were acknowledged before and then.

import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import type { BulkLoad } from './bulk-load.ts';
import type { Deployment } from './deployment.ts';
import { injectFault } from './faults.ts';
import { readIntake } from './read-truth.ts';
import type { Recorder } from './recorder.ts';
import type { Rng } from './rng.ts';

/** What a scenario plays on. */
export interface Stage {
  deployment: Deployment;
  load: BulkLoad;
  recorder: Recorder;
  rng: Rng;
  /** As the superuser, past all proxies. */
  client: pg.Client;
  windowMs: number;
  /** Acknowledged a second before anything happened. */
  baselinePerSecond: number;
}

export interface Scenario {
  /** `open`: a fixed share of the capacity is offered, whatever is answered; `closed`: as much as is taken. */
  loop: 'open' | 'closed';
  play(stage: Stage): Promise<Rates>;
}

export interface Rates {
  /** While it lasted. */
  duringPerSecond: number;
  /** In the window that is held against the baseline. */
  thenPerSecond: number;
  /** From the end of the fault until a second's rate was back at the goal; null: not asked, or not within the bound. */
  backAfterMs: number | null;
}

export const goal = 0.95;

/** The window after a fault begins so long after it: by then the rate has to be back. */
const backWithinMs = 5000;
const backWithinMaxMs = 30_000;
const secondMs = 1000;

/** @param attack Resolves when its last fault has been made. */
function breaking(attack: (stage: Stage) => Promise<void>): Scenario {
  return {
    loop: 'open',
    async play(stage) {
      const { recorder, windowMs } = stage;
      const since = performance.now();
      await attack(stage);
      const over = performance.now();
      const back = untilBack(stage, over);
      await pause(backWithinMs + windowMs);
      const from = over + backWithinMs;
      return {
        duringPerSecond: recorder.rate(since, from),
        thenPerSecond: recorder.rate(from, from + windowMs),
        backAfterMs: await back,
      };
    },
  };
}

async function untilBack({ recorder, baselinePerSecond }: Stage, over: number): Promise<number | null> {
  for (;;) {
    await pause(50);
    const now = performance.now();
    if (now - over > backWithinMaxMs) return null;
    if (now - over > secondMs && recorder.rate(now - secondMs, now) >= goal * baselinePerSecond)
      return Math.round(now - over - secondMs);
  }
}

/** @param press Begins it, and gives what ends it. */
function pressing(
  loop: Scenario['loop'],
  windows: number,
  press: (stage: Stage) => Promise<() => Promise<void>>,
): Scenario {
  return {
    loop,
    async play(stage) {
      const { recorder, windowMs } = stage;
      const end = await press(stage);
      const since = performance.now();
      await pause(windows * windowMs);
      const until = performance.now();
      await end();
      return {
        duringPerSecond: recorder.rate(since, until),
        thenPerSecond: recorder.rate(until - windowMs, until),
        backAfterMs: null,
      };
    },
  };
}

const ours = `datname = current_database() and backend_type = 'client backend' and application_name like 'sluice%'`;

export const scenarios = {
  /** Every writer is killed at once. */
  crash_recovery: breaking(({ deployment }) => {
    for (const writer of deployment.writers) writer.kill('SIGKILL');
    return Promise.resolve();
  }),

  /** The server is restarted in order. */
  postgres_restart: breaking(async (stage) => {
    await injectFault('restartPostgresFast', stage);
  }),

  /** Every session of every node and writer is ended, three times. */
  pg_backend_kill: breaking(async ({ client }) => {
    for (let times = 0; times < 3; times++) {
      if (times > 0) await pause(1000);
      await client.query(`select pg_terminate_backend(pid) from pg_stat_activity where ${ours}`);
    }
  }),

  /** Strangers take every connection that is left for five seconds, and then those of a writer that is killed. */
  pool_exhaustion: breaking(async (stage) => {
    const { deployment } = stage;
    const strangers = new Set<pg.Client>();
    const until = performance.now() + 5000;
    let isKilled = false;
    while (performance.now() < until) {
      const stranger = await connectAs(deployment.strangerUrl);
      if (stranger !== null) strangers.add(stranger);
      else if (isKilled) await pause(20);
      else {
        isKilled = true;
        deployment.writers[0]?.kill('SIGKILL');
      }
    }
    await Promise.all([...strangers].map((stranger) => stranger.end()));
  }),

  /** A writer that leads is killed every second and a half, six times. */
  repeated_kills: breaking(async (stage) => {
    const kills: Promise<unknown>[] = [];
    for (let times = 0; times < 6; times++) {
      if (times > 0) await pause(1500);
      kills.push(injectFault('killWriter', stage));
    }
    await Promise.allSettled(kills);
  }),

  /** A transaction that has an id and a snapshot stays open. */
  idle_in_tx: pressing('closed', 2, async ({ deployment }) => {
    const idle = new pg.Client({ connectionString: deployment.url });
    await idle.connect();
    await idle.query('begin isolation level repeatable read');
    await idle.query('select pg_current_xact_id(), count(*) from sluice.outcome');
    return async () => {
      await idle.query('rollback');
      await idle.end();
    };
  }),

  /** As much as is taken, for four windows; the last is held against the first. */
  sustained_high_load: pressing('closed', 3, () => Promise.resolve(() => Promise.resolve())),

  /** Four readers, each in transactions of two seconds that overlap. */
  active_readers: pressing('open', 2, ({ deployment }) => {
    const stopping = new AbortController();
    const readers = Array.from({ length: 4 }, (_, index) => read(deployment.url, index, stopping.signal));
    return Promise.resolve(async () => {
      stopping.abort();
      await Promise.all(readers);
    });
  }),

  /** As much as is taken in a window, accepted as fast as it can be, until all of it is settled. */
  event_burst: {
    loop: 'closed',
    async play({ deployment, load, client, windowMs, baselinePerSecond }) {
      load.offer(0);
      await untilSettled(client);
      const nodes = deployment.nodes.filter(({ isReady }) => isReady);
      const linesPerNode = Math.ceil((baselinePerSecond * windowMs) / 1000 / nodes.length);
      const since = performance.now();
      await Promise.all(nodes.map((node) => load.burst(node, linesPerNode)));
      await untilSettled(client);
      const rate = (linesPerNode * nodes.length) / ((performance.now() - since) / 1000);
      return { duringPerSecond: rate, thenPerSecond: rate, backAfterMs: null };
    },
  },
} satisfies Record<string, Scenario>;

export type ScenarioName = keyof typeof scenarios;

export const scenarioNames = Object.keys(scenarios) as ScenarioName[];

async function untilSettled(client: pg.Client): Promise<void> {
  while ((await readIntake(client)).length > 0) await pause(20);
}

/** Null: there is no room. */
async function connectAs(url: string): Promise<pg.Client | null> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return client;
  } catch {
    return null;
  }
}

async function read(url: string, index: number, signal: AbortSignal): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await pause(index * 500, undefined, { signal }).catch(() => undefined);
    while (!signal.aborted) {
      await client.query('begin isolation level repeatable read read only');
      await client.query('select count(*), max(settled_at) from sluice.outcome');
      await pause(2000, undefined, { signal }).catch(() => undefined);
      await client.query('commit');
    }
  } finally {
    await client.end();
  }
}
