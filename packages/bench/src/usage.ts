/** What a measurement uses up: CPU, WAL, network, and what it leaves in the intake for vacuum to remove. */
import type { BenchProcess } from './bench-process.ts';
import { processesCpuMs, serverCpuMs } from './cpu-time.ts';
import { CounterReader, difference, type DatabaseCounters } from './database-counters.ts';
import { loopbackBytes } from './loopback.ts';
import type { ContenderName } from './names.ts';

export interface UsageFigures {
  walBytesPerDocument: number;
  fullPagesPerDocument: number;
  /** Transactions, reads included. */
  commitsPerDocument: number;
  walFlushesPerSecond: number;
  /** Microseconds of CPU for each document, by where it was spent; null: not known. */
  cpuUsPerDocument: CpuByPlace;
  /** Between the processes, the server's included, each byte once; null: not known. */
  networkBytesPerDocument: number | null;
}

export interface CpuByPlace {
  /** Processes of the clients, in which a contender's own code runs too, unless it is spoken to over HTTP. */
  clients: number | null;
  /** Writers, API nodes and a proxy. */
  others: number | null;
  postgres: number | null;
}

/** What a measurement has used up so far. */
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
    // A server elsewhere is not spoken to through this device.
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

/** The statistics are a look into shared memory; they lag by a second at most. On a connection of its own. */
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

  /** The most that it has seen. */
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
    // The caller of a failed command has its error.
    return (this.#looking = this.#looking.catch(() => undefined).then(look));
  }
}

/** @throws if a contender has answered for other documents than those that it has stored */
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
