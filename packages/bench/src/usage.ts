/** The resources of a measurement: CPU, WAL, network, and dead rows of the intake. */
import type { BenchProcess } from './bench-process.ts';
import { processesCpuMs, serverCpuMs } from './cpu-time.ts';
import { CounterReader, difference, type DatabaseCounters } from './database-counters.ts';
import { loopbackBytes } from './loopback.ts';
import type { ContenderName } from './names.ts';

export interface UsageFigures {
  walBytesPerDocument: number;
  fullPagesPerDocument: number;
  /** Transactions, including reads. */
  commitsPerDocument: number;
  walFlushesPerSecond: number;
  /** Microseconds of CPU for each document, by place; null: unknown. */
  cpuUsPerDocument: CpuByPlace;
  /** Between processes and the server, each byte once; null: unknown. */
  networkBytesPerDocument: number | null;
}

export interface CpuByPlace {
  /** Processes of the clients, which also run the contender's own code, except over HTTP. */
  clients: number | null;
  /** Writers, API nodes and a proxy. */
  others: number | null;
  postgres: number | null;
}

/** Resources used so far. */
interface Usage {
  counters: DatabaseCounters;
  cpuMs: CpuByPlace;
  networkBytes: number | null;
}

export async function readUsage(
  serverPid: number | null,
  counters: CounterReader,
  loads: readonly BenchProcess[],
  others: readonly BenchProcess[],
): Promise<Usage> {
  const pidsOf = (processes: readonly BenchProcess[]): number[] => processes.map(({ pid }) => pid);
  return {
    counters: await counters.read(),
    cpuMs: {
      clients: loads.length === 0 ? null : processesCpuMs(pidsOf(loads)),
      others: processesCpuMs(pidsOf(others)),
      postgres: serverCpuMs(serverPid),
    },
    // Traffic to another machine does not use this device.
    networkBytes: serverPid === null ? null : loopbackBytes(),
  };
}

export function usageOf(before: Usage, after: Usage, documents: number, elapsedMs: number): UsageFigures {
  const counted = difference(after.counters, before.counters);
  const each = (total: number): number => Number((total / Math.max(1, documents)).toPrecision(4));
  const grown = (from: number | null, to: number | null, factor: number): number | null =>
    from === null || to === null ? null : each((to - from) * factor);
  return {
    walBytesPerDocument: Math.round(each(counted.walBytes)),
    fullPagesPerDocument: each(counted.fullPages),
    commitsPerDocument: each(counted.commits),
    walFlushesPerSecond: Math.round((counted.flushes / elapsedMs) * 1000),
    cpuUsPerDocument: {
      clients: grown(before.cpuMs.clients, after.cpuMs.clients, 1000),
      others: grown(before.cpuMs.others, after.cpuMs.others, 1000),
      postgres: grown(before.cpuMs.postgres, after.cpuMs.postgres, 1000),
    },
    networkBytesPerDocument: grown(before.networkBytes, after.networkBytes, 1),
  };
}

const deadTuplesLookMs = 1000;

/** Statistics are read from shared memory, at most a second old, on a separate connection. */
export class DeadTuplesWatch {
  readonly #counters: CounterReader;
  readonly #timer: NodeJS.Timeout;
  #looking: Promise<void> = Promise.resolve();
  #peak = 0;

  private constructor(counters: CounterReader) {
    this.#counters = counters;
    this.#timer = setInterval(() => void this.#look().catch(() => undefined), deadTuplesLookMs);
  }

  static async start(url: string): Promise<DeadTuplesWatch> {
    return new DeadTuplesWatch(await CounterReader.open(url));
  }

  /** The largest value so far. */
  async peak(): Promise<number> {
    await this.#look();
    return this.#peak;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking.catch(() => undefined);
    await this.#counters.close();
  }

  #look(): Promise<void> {
    const look = async (): Promise<void> => {
      this.#peak = Math.max(this.#peak, await this.#counters.countDeadInIntake());
    };
    // The caller of a failed query has its error.
    return (this.#looking = this.#looking.catch(() => undefined).then(look));
  }
}

/** @throws if a contender has answered other documents than it has stored */
export function believe(contender: ContenderName, answered: number, stored: number): void {
  if (stored === answered) return;
  throw new Error(
    `Cannot use the figures of ${contender}: it answered ${answered} documents and stored ${stored}`,
  );
}

export function rateOf(
  documents: number,
  elapsedMs: number,
): { seconds: number; documentsPerSecond: number } {
  return {
    seconds: Number((elapsedMs / 1000).toFixed(3)),
    documentsPerSecond: Number(((documents / elapsedMs) * 1000).toPrecision(5)),
  };
}
