// Everything that is done to the deployment, each kind by its name. A fault that lasts ends by itself.

import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import type { Deployment } from './deployment.ts';
import { faultProfiles, type FaultKind, type FaultWeights } from './fault-weights.ts';
import type { MemberView } from './member.ts';
import type { Rng } from './rng.ts';

/** Faults after which a new leadership has to begin. */
export const endsLeadership: ReadonlySet<FaultKind> = new Set([
  'killWriter',
  'freezeWriter',
  'killBackend',
  'terminateBackend',
  'killPostgres',
  'restartPostgresImmediate',
  'restartPostgresFast',
  'readOnly',
]);

/** Faults after which nobody goes on until the server is back. */
const endsServer: ReadonlySet<FaultKind> = new Set([
  'killBackend',
  'killPostgres',
  'restartPostgresImmediate',
  'restartPostgresFast',
]);

/** The server is not ended again before something was acknowledged, for as long as this. */
const progressMaxMs = 20_000;

/** How long somebody else locks documents. */
const lockedMs = 20_000;

export interface Fault {
  kind: FaultKind;
  /** By the clock of this machine, which is the database's; microseconds. */
  at: number;
  /** The lanes whose leader it hit, each with the term that ended. */
  lanes: [lane: number, term: number][];
  /** Until the member that was hit is ready again; null: it was not ended. */
  readyAgainMs: number | null;
  /** From when to when, by `performance.now()`; null: it did not last. */
  lasted: [from: number, to: number] | null;
}

/** A deployment with one data store, or what belongs to one of several. */
export interface Scene extends Pick<Deployment, 'url' | 'strangerUrl' | 'restartServer'> {
  readonly nodes: readonly MemberView[];
  readonly writers: readonly MemberView[];
  readonly members: readonly MemberView[];
}

/** What a fault needs to choose its victim. */
export interface Ground {
  deployment: Scene;
  rng: Rng;
  /** Past all proxies; null while the database is down. */
  client: pg.Client | null;
  /** What lasts ends early. @default it does not */
  signal?: AbortSignal;
}

const micros = (): number => (performance.timeOrigin + performance.now()) * 1000;

type Injection = (fault: Fault, ground: Ground) => Promise<void>;

export class FaultInjector {
  readonly faults: Fault[] = [];
  readonly #deployment: Scene;
  readonly #rng: Rng;
  readonly #intervalMs: number;
  readonly #weights: FaultWeights;
  readonly #onFault: (fault: Fault) => void;
  readonly #acked: () => number;
  #ackedAtEnd = -1;
  readonly #stopping = new AbortController();
  #bag: FaultKind[] = [];
  #client: pg.Client | null = null;
  #running: Promise<void> = Promise.resolve();
  readonly #lasting = new Set<Promise<void>>();

  constructor(options: {
    deployment: Scene;
    rng: Rng;
    /** On average. */
    intervalMs: number;
    /** @default those of the profile `usual` */
    weights?: FaultWeights;
    onFault?: (fault: Fault) => void;
    /** Acknowledged writes so far. */
    acked: () => number;
  }) {
    this.#deployment = options.deployment;
    this.#rng = options.rng;
    this.#intervalMs = options.intervalMs;
    this.#weights = options.weights ?? faultProfiles.usual;
    this.#onFault = options.onFault ?? (() => undefined);
    this.#acked = options.acked;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Waits until the last one is over. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    await Promise.allSettled(this.#lasting);
    await this.#client?.end().catch(() => undefined);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const wait = this.#intervalMs * (0.3 + this.#rng.next() * 1.4);
      await pause(wait, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      const kind = this.#draw();
      if (endsServer.has(kind)) await this.#untilProgress();
      if (signal.aborted) return;
      await this.#inject(kind);
    }
  }

  /** To end a server again that nobody could use meanwhile would show nothing. */
  async #untilProgress(): Promise<void> {
    const { signal } = this.#stopping;
    const since = performance.now();
    while (this.#acked() <= this.#ackedAtEnd && performance.now() - since < progressMaxMs && !signal.aborted)
      await pause(20);
    this.#ackedAtEnd = this.#acked();
  }

  /** Out of a bag, so that every kind comes. */
  #draw(): FaultKind {
    if (this.#bag.length === 0) {
      const all = Object.entries(this.#weights).flatMap(([kind, weight]) =>
        new Array<FaultKind>(weight).fill(kind as FaultKind),
      );
      this.#bag = this.#rng.shuffle(all);
    }
    return this.#bag.pop() ?? 'killWriter';
  }

  async #inject(kind: FaultKind): Promise<void> {
    const ground = {
      deployment: this.#deployment,
      rng: this.#rng.fork(),
      client: await this.#connect(),
      signal: this.#stopping.signal,
    };
    const over = injectFault(kind, ground).then(
      (fault) => {
        this.faults.push(fault);
        this.#onFault(fault);
      },
      // The database was down, so there was nobody to hit.
      () => undefined,
    );
    this.#lasting.add(over);
    void over.finally(() => this.#lasting.delete(over));
    await Promise.race([over, pause(50)]);
  }

  /** Past all proxies; null while the database is down. */
  async #connect(): Promise<pg.Client | null> {
    if (this.#client !== null) return this.#client;
    const client = new pg.Client({ connectionString: this.#deployment.url, connectionTimeoutMillis: 500 });
    client.on('error', () => undefined);
    client.on('end', () => (this.#client = null));
    try {
      await client.connect();
      this.#client = client;
      return client;
    } catch {
      return null;
    }
  }
}

/** @returns The fault, once it is over. */
export async function injectFault(kind: FaultKind, ground: Ground): Promise<Fault> {
  const fault: Fault = { kind, at: micros(), lanes: [], readyAgainMs: null, lasted: null };
  await injections[kind](fault, ground);
  return fault;
}

const leaderRows = `
  select l.lane, l.term, w.process_id, l.session_pid from sluice.lane l
  join sluice.writer w on w.writer_id = l.writer_id`;

interface LedLane {
  lane: number;
  term: string;
  process_id: number;
  session_pid: number;
}

async function ledLanes(client: pg.Client | null): Promise<LedLane[]> {
  if (client === null) return [];
  return (await client.query<LedLane>(leaderRows)).rows;
}

const lanesOf = (rows: readonly LedLane[]): Fault['lanes'] =>
  rows.map(({ lane, term }) => [lane, Number(term)]);

function victim(members: readonly MemberView[], rng: Rng): MemberView {
  const up = members.filter(({ isReady, isFrozen }) => isReady && !isFrozen);
  if (up.length === 0) throw new Error('Cannot hit anybody: nobody is up');
  return rng.pick(up);
}

async function untilReadyAgain(member: MemberView, since: number): Promise<number> {
  while (member.readyAt < since) await pause(5);
  return member.readyAt - since;
}

async function kill(member: MemberView, fault: Fault): Promise<void> {
  const since = performance.now();
  fault.at = micros();
  member.kill('SIGKILL');
  fault.readyAgainMs = await untilReadyAgain(member, since);
}

/** A backend of a node or a writer. */
async function backend({ client, rng }: Ground): Promise<number> {
  if (client === null) throw new Error('Cannot choose a backend: the database is down');
  const { rows } = await client.query<{ pid: number }>(
    `select pid from pg_stat_activity
     where datname = current_database() and backend_type = 'client backend' and application_name like 'sluice%'`,
  );
  return rng.pick(rows.map(({ pid }) => pid));
}

function restart(signal: 'SIGKILL' | 'SIGQUIT' | 'SIGINT'): Injection {
  return async (fault, { deployment, client }) => {
    fault.lanes = lanesOf(await ledLanes(client));
    fault.at = micros();
    await deployment.restartServer(signal);
  };
}

function loseCommit(what: 'request' | 'answer'): Injection {
  return async (_fault, { deployment, rng }) => {
    const { sessions } = victim(deployment.members, rng);
    await Promise.race([
      new Promise<void>((resolve) => sessions.loseCommit(what, resolve)),
      // Nobody commits where nobody is up.
      pause(5000).then(() => Promise.reject(new Error('Cannot lose a COMMIT: there was none'))),
    ]);
  };
}

const readOnlyMs = 5000;

/** The server may be away meanwhile. */
async function untilWritable(url: string, name: string): Promise<void> {
  for (let isDone = false; !isDone;) {
    const writing = { connectionString: url, options: '-c default_transaction_read_only=off' };
    const client = new pg.Client({ ...writing, connectionTimeoutMillis: 500 });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.query(`alter database "${name}" reset default_transaction_read_only`);
      isDone = true;
    } catch {
      await pause(100);
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}

const injections: Readonly<Record<FaultKind, Injection>> = {
  async killWriter(fault, { deployment, rng, client }) {
    const led = await ledLanes(client);
    const leads = deployment.writers.filter(({ pid }) => led.some((row) => row.process_id === pid));
    const member = victim(leads.length > 0 ? leads : deployment.writers, rng);
    fault.lanes = lanesOf(led.filter((row) => row.process_id === member.pid));
    await kill(member, fault);
  },
  async killNode(fault, { deployment, rng }) {
    await kill(victim(deployment.nodes, rng), fault);
  },
  async freezeWriter(fault, { deployment, rng, client }) {
    const led = await ledLanes(client);
    const member = victim(deployment.writers, rng);
    fault.lanes = lanesOf(led.filter((row) => row.process_id === member.pid));
    fault.at = micros();
    member.freeze(true);
    // Mostly long enough to be deposed, now and then for very long.
    await pause(rng.chance(0.1) ? rng.int(10_000, 30_000) : rng.int(1000, 7000));
    if (member.isFrozen) member.freeze(false);
  },
  async killBackend(fault, ground) {
    const pid = await backend(ground);
    fault.lanes = lanesOf(await ledLanes(ground.client));
    fault.at = micros();
    process.kill(pid, 'SIGKILL');
  },
  async terminateBackend(fault, ground) {
    const led = await ledLanes(ground.client);
    const pid =
      led.length > 0 && ground.rng.chance(0.6) ? ground.rng.pick(led).session_pid : await backend(ground);
    fault.lanes = lanesOf(led.filter((row) => row.session_pid === pid));
    fault.at = micros();
    await ground.client?.query('select pg_terminate_backend($1)', [pid]);
  },
  killPostgres: restart('SIGKILL'),
  restartPostgresImmediate: restart('SIGQUIT'),
  restartPostgresFast: restart('SIGINT'),
  async resetConnections(_fault, { deployment, rng }) {
    const member = victim(deployment.members, rng);
    member.sessions.cut();
    member.listener.cut();
  },
  async silentListener(_fault, { deployment, rng }) {
    victim(deployment.members, rng).listener.blackhole();
  },
  async silentSessions(_fault, { deployment, rng }) {
    victim(deployment.members, rng).sessions.blackhole();
  },
  async latency(_fault, { deployment, rng }) {
    const { sessions } = victim(deployment.members, rng);
    sessions.delay(rng.int(5, 150));
    await pause(rng.int(1000, 4000));
    sessions.delay(0);
  },
  async readOnly(fault, { deployment, client }) {
    fault.lanes = lanesOf(await ledLanes(client));
    const name = new URL(deployment.url).pathname.slice(1);
    fault.at = micros();
    await client?.query(`alter database "${name}" set default_transaction_read_only = on`);
    try {
      await client?.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and backend_type = 'client backend' and application_name like 'sluice%'`,
      );
      await pause(readOnlyMs);
    } finally {
      await untilWritable(deployment.url, name);
    }
  },
  commitLost: loseCommit('request'),
  commitAnswerLost: loseCommit('answer'),
  async hintFlood(_fault, { deployment, rng, client }) {
    const nodes = await client?.query<{ channel: string }>(
      `select distinct 'sluice_node_' || node as channel from sluice.intake limit 20`,
    );
    const flooder = new pg.Client({ connectionString: deployment.strangerUrl, connectionTimeoutMillis: 500 });
    flooder.on('error', () => undefined);
    await flooder.connect();
    try {
      const channels = [
        'sluice_wakeup',
        `sluice_wakeup_${rng.int(0, 15)}`,
        'sluice_provided',
        ...(nodes?.rows.map(({ channel }) => channel) ?? []),
      ];
      const until = performance.now() + rng.int(500, 1500);
      while (performance.now() < until) {
        for (let count = 0; count < 50; count++) {
          const junk = rng.chance(0.5) ? 'not an id' : 'A'.repeat(22 * rng.int(1, 300));
          await flooder.query('select pg_notify($1, $2)', [rng.pick(channels), `${junk}${count}`]);
        }
        await pause(5);
      }
    } finally {
      await flooder.end();
    }
  },
  async lockDocuments(fault, { deployment, signal }) {
    const outsider = new pg.Client({
      connectionString: deployment.url,
      connectionTimeoutMillis: 500,
      application_name: 'an outsider',
    });
    const isLost = new Promise<void>((resolve) => outsider.once('error', () => resolve()));
    await outsider.connect();
    try {
      await outsider.query('begin');
      // Those that clients contend for.
      await outsider.query(
        'select from sluice.document where version > 1 order by modified_at desc limit 5 for update skip locked',
      );
      const from = performance.now();
      await Promise.race([isLost, pause(lockedMs, undefined, { signal }).catch(() => undefined)]);
      fault.lasted = [from, performance.now()];
      await outsider.query('rollback');
    } finally {
      await outsider.end().catch(() => undefined);
    }
  },
};
