// What busy data stores cost: so many stores on two servers beside one store on one server, with the same total of clients, in turns.
// Prints documents a second, and the CPU of PostgreSQL for each document. A round begins some seconds after each store has answered,
// because processes that open their stores slow down each other. Needs a quiet machine.
//
//   npm run build && node --conditions=source --import tsx test/scripts/store-throughput.ts
//
// --stores=20 --clients=640 --seconds=10 --rounds=5

import assert from 'node:assert/strict';
import { loadavg } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { serverCpuMs } from '../../packages/bench/src/cpu-time.ts';
import { eventually } from '../support/eventually.ts';
import { StoreFleet } from '../support/store-fleet.ts';

const { values: options } = parseArgs({
  options: {
    stores: { type: 'string', default: '20' },
    clients: { type: 'string', default: '640' },
    seconds: { type: 'string', default: '10' },
    rounds: { type: 'string', default: '5' },
  },
});
const clients = Number(options.clients);
const roundMs = Number(options.seconds) * 1000;
const warmUpMs = 3000;
let lastId = 0;

interface Round {
  perSecond: number;
  /** Of each server, for each document of its stores. */
  cpuMs: number[];
  refused: number;
}

async function play(fleet: StoreFleet): Promise<Round> {
  const over = new AbortController();
  const created = fleet.servers.map(() => 0);
  const open = new Set<number>();
  let refused = 0;
  const loop = async (index: number): Promise<void> => {
    const store = index % fleet.stores;
    while (!over.signal.aborted) {
      const status = await fleet.write(Math.floor(index / fleet.stores) % 2, store, ++lastId);
      if (status === 201) {
        open.add(store);
        created[store % created.length]! += 1;
      } else refused += 1;
    }
  };
  const loops = Array.from({ length: clients }, (_, index) => loop(index));
  await eventually(() => assert.equal(open.size, fleet.stores), { timeoutMs: 60_000 });
  await pause(warmUpMs);
  const cpu = (): number[] => fleet.servers.map(({ pid }) => serverCpuMs(pid) ?? Number.NaN);
  const [before, first, at] = [cpu(), [...created], performance.now()];
  refused = 0;
  await pause(roundMs);
  const [after, last, took] = [cpu(), [...created], performance.now() - at];
  const round = { refused };
  over.abort();
  await Promise.all(loops);
  const counts = last.map((count, server) => count - first[server]!);
  return {
    ...round,
    perSecond: counts.reduce((sum, count) => sum + count, 0) / (took / 1000),
    cpuMs: counts.map((count, server) => (after[server]! - before[server]!) / count),
  };
}

const median = (values: readonly number[]): number =>
  [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN;
const ms = (values: readonly number[]): string => values.map((each) => `${each.toFixed(3)} ms`).join(' and ');

// Each sleeps while the other is measured.
const args = ['--store-idle-ms', '1000'];
const one = await StoreFleet.start({ stores: 1, servers: 1, args });
const many = await StoreFleet.start({ stores: Number(options.stores), servers: 2, args }).catch(
  async (error: unknown) => {
    await one.stop();
    throw error;
  },
);
try {
  console.log(`${many.stores} stores, ${clients} clients; load average before: ${loadavg()[0]?.toFixed(1)}`);
  const [rates, costs]: [number[], number[]] = [[], []];
  for (let round = 1; round <= Number(options.rounds); round++) {
    const alone = await play(one);
    const beside = await play(many);
    for (const [what, { perSecond, cpuMs, refused }] of [
      ['one store', alone],
      [`${many.stores} stores`, beside],
    ] as const)
      console.log(
        `round ${round}, ${what}: ${perSecond.toFixed(0)} documents/s, PostgreSQL ${ms(cpuMs)} each, ${refused} not created`,
      );
    rates.push(beside.perSecond / alone.perSecond);
    costs.push(Math.max(...beside.cpuMs) / alone.cpuMs[0]!);
  }
  console.log(`documents/s ÷ those of one store, median of rounds: ${median(rates).toFixed(2)} (goal: 0.95)`);
  console.log(
    `CPU of the dearer server ÷ that of one store, median: ${median(costs).toFixed(2)} (goal: 1.05)`,
  );
} finally {
  await Promise.all([one.stop(), many.stop()]);
}
