// How long writes wait for the next leader: after the leader of their lanes was killed or frozen, after a node's LISTEN
// has gone half-open, after PostgreSQL has restarted. Processes of the built code, as operators run them, on a server of
// their own in a temporary folder, under a steady light load.
//
//   node --conditions=source --import tsx test/scripts/takeover.ts
//
// --writers=3 --kills=50 --freezes=5 --half-opens=5 --restarts=3 --rate=200. Ends with one JSON line: by kind, from the
// signal to the first outcome under a newer term by the database's clock (`kill`, `freeze`), until all its lanes were led
// again (`elected`, of the kills), until hints arrive again
// (`halfOpenListen`), until as many writes a second are answered as 95 % of those before (`restart`). `afterDeposed`:
// outcomes of a term that was over. Told to end, it tells what it has.

import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { Deployment } from '../chaos/deployment.ts';
import type { Fault } from '../chaos/faults.ts';
import type { Member } from '../chaos/member.ts';
import { readTruth } from '../chaos/read-truth.ts';
import { quantiles, recoveryOf, recoveryTimesOf } from '../chaos/recovery.ts';

const { values: options } = parseArgs({
  options: {
    writers: { type: 'string', default: '3' },
    kills: { type: 'string', default: '50' },
    freezes: { type: 'string', default: '5' },
    'half-opens': { type: 'string', default: '5' },
    restarts: { type: 'string', default: '3' },
    rate: { type: 'string', default: '200' },
  },
});
const writers = Number(options.writers);
const rate = Number(options.rate);
/** Long enough that a frozen process finds its session ended. */
const freezeMs = 5000;

const over = new AbortController();

const micros = (): number => (performance.timeOrigin + performance.now()) * 1000;

/** When each write was answered with success. */
const answered: number[] = [];
/** Milliseconds from a kill until all lanes of the dead have a leader. */
const elected: number[] = [];
let last = 0;

/** Submits one write every so often, however long the answers take. */
function startLoad(node: Member): () => Promise<void> {
  const open = new Set<Promise<void>>();
  const timer = setInterval(() => {
    const sent = submit(node).finally(() => open.delete(sent));
    open.add(sent);
  }, 1000 / rate);
  return async () => {
    clearInterval(timer);
    await Promise.all(open);
  };
}

async function submit(node: Member): Promise<void> {
  const body = JSON.stringify({ thingId: ++last, links: [] });
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${node.url}/data/chaos/things`, { method: 'POST', headers, body }).catch(
    () => null,
  );
  if (response?.ok === true) answered.push(performance.now());
  await response?.body?.cancel();
}

interface Led {
  lane: number;
  term: number;
  processId: number;
}

async function ledLanes(admin: pg.Client): Promise<Led[]> {
  const { rows } = await admin.query<Led>(
    `select l.lane, l.term::int, w.process_id as "processId" from sluice.lane l
     join sluice.writer w on w.writer_id = l.writer_id where l.lane = any (sluice.led_lanes())`,
  );
  return rows;
}

/** Until all are up, lead or stand by, and all lanes are led; gives one that leads some, at some moment between its heartbeats. */
async function untilCalm(deployment: Deployment, admin: pg.Client): Promise<[Member, Led[]]> {
  for (;;) {
    const { rows } = await admin.query('select from sluice.lane_session where wanted_sessions is not null');
    const led = await ledLanes(admin);
    const leaders = deployment.writers.filter(({ pid }) => led.some(({ processId }) => processId === pid));
    if (deployment.writers.every(({ isReady }) => isReady) && rows.length === writers && led.length === 16) {
      const leader = leaders[Math.floor(Math.random() * leaders.length)]!;
      await pause(Math.random() * 500);
      return [leader, led.filter(({ processId }) => processId === leader.pid)];
    }
    await pause(20);
  }
}

/** Until each of these lanes has a leader of a newer term; gives when the last of them was elected. */
async function electedAt(admin: pg.Client, lanes: readonly [number, number][]): Promise<number> {
  for (;;) {
    const { rows } = await admin.query<{ lane: number; term: number; at: number }>(
      `select lane, term::int, extract(epoch from led_since)::float8 * 1e6 as at from sluice.lane where writer_id is not null`,
    );
    const since = lanes.map(([lane, term]) => rows.find((row) => row.lane === lane && row.term > term)?.at);
    if (since.every((at) => at !== undefined)) return Math.max(...since);
    await pause(5);
  }
}

async function hit(
  kind: 'killWriter' | 'freezeWriter',
  deployment: Deployment,
  admin: pg.Client,
): Promise<Fault> {
  const [member, led] = await untilCalm(deployment, admin);
  const lanes = led.map(({ lane, term }): [number, number] => [lane, term]);
  const fault: Fault = { kind, at: micros(), lanes, readyAgainMs: null, lasted: null };
  process.stderr.write(`${kind} ${member.name}, which leads ${lanes.length} lanes\n`);
  if (kind === 'killWriter') {
    member.kill('SIGKILL');
    elected.push(((await electedAt(admin, lanes)) - fault.at) / 1000);
    while (!member.isReady) await pause(5);
  } else {
    member.freeze(true);
    await pause(freezeMs);
    member.freeze(false);
    await pause(500);
  }
  return fault;
}

async function halfOpen(node: Member): Promise<number> {
  await pause(Math.random() * 1000);
  const began = performance.now();
  node.listener.blackhole();
  for (;;) {
    await pause(10);
    if (node.listener.connections === 0) continue;
    const ready = (await (await fetch(`${node.url}/readyz`)).json()) as { hints: string };
    if (ready.hints === 'notify') return performance.now() - began;
  }
}

const ratePeriodMs = 500;

/** Counts only what is sent and answered afterwards, not the burst of those who waited: their number is bounded. */
async function restart(deployment: Deployment): Promise<number> {
  await pause(4000);
  const answeredSince = (since: number): number => answered.filter((at) => at >= since).length;
  const before = answeredSince(performance.now() - 3000) / 3;
  const began = performance.now();
  await deployment.restartServer('SIGINT');
  for (;;) {
    const from = performance.now();
    await pause(ratePeriodMs);
    if (answeredSince(from) / (ratePeriodMs / 1000) >= 0.95 * before) return from - began;
  }
}

async function times(count: string, one: () => Promise<number>): Promise<number[]> {
  const took: number[] = [];
  while (took.length < Number(count) && !over.signal.aborted) took.push(await one());
  return took;
}

const deployment = await Deployment.start({
  nodes: ['coordinated'],
  writers,
  // As the units of deploy/systemd do: a process that starts takes a core for half a second.
  restartAfterMs: 1000,
  // What a node settles itself waits for no writer.
  nodeArgs: ['--fast-path-writes-max', '0'],
  logLevel: 'warn',
});
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => over.abort());
process.once('exit', () => deployment.abandon());
const admin = new pg.Client({ connectionString: deployment.url });
try {
  await admin.connect();
  const node = deployment.nodes[0]!;
  const stopLoad = startLoad(node);
  const faults: Fault[] = [];
  for (let kill = 0; kill < Number(options.kills) && !over.signal.aborted; kill++) {
    faults.push(await hit('killWriter', deployment, admin));
  }
  for (let freeze = 0; freeze < Number(options.freezes) && !over.signal.aborted; freeze++) {
    faults.push(await hit('freezeWriter', deployment, admin));
  }
  const healed = await times(options['half-opens'], () => halfOpen(node));
  await admin.end();
  const restarted = await times(options.restarts, () => restart(deployment));
  await stopLoad();

  const { outcomes } = await readTruth(deployment.url);
  const { killWriter, freezeWriter } = recoveryOf(recoveryTimesOf(faults, outcomes));
  const newest = new Map<number, number>();
  let afterDeposed = 0;
  for (const { lane, term } of outcomes.toSorted((a, b) => a.at - b.at)) {
    // What a node cancelled is of no term.
    if (term === null) continue;
    if (term < (newest.get(lane) ?? 0)) afterDeposed += 1;
    newest.set(lane, Math.max(term, newest.get(lane) ?? 0));
  }
  const report = {
    kill: killWriter,
    elected: quantiles(elected),
    freeze: freezeWriter,
    halfOpenListen: quantiles(healed),
    restart: quantiles(restarted),
    afterDeposed,
    answered: answered.length,
  };
  process.stdout.write(`${JSON.stringify(report)}\n`);
} finally {
  await deployment.stop();
  await deployment.remove();
}
