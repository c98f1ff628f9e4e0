/** The deployments with many data stores that docs/scaling.md and the report predict: machines of one size, in any number. */
import { predictStores, type Costs, type StoresPrediction } from './sizing.ts';

export interface ExampleStores {
  /** PostgreSQL servers. */
  servers: number;
  stores: number;
  skew: number;
  /** Stores that are open at a time. */
  open: number;
  /** Nodes, and as many writers, each with a core of its own. */
  processes: number;
}

/** In words for the report. */
export const exampleMachines =
  'Each server has 8 cores and a disk that takes 200 MB of WAL a second. Nodes and writers have machines of their own, ' +
  'a core for each process, 0.5 ms away.';

export function predictExample(
  costs: Costs,
  { servers, stores, skew, open, processes }: ExampleStores,
): StoresPrediction {
  return predictStores(
    costs,
    {
      cores: { nodes: processes, writers: processes, postgres: 8 },
      nodeProcesses: processes,
      writerProcesses: processes,
      sessionsPerWriter: 1,
      rttMs: 0.5,
      walBytesPerSecond: 200e6,
      networkBytesPerSecond: 1.25e9,
    },
    {
      servers,
      stores,
      skew,
      openShare: open / stores,
      connectionsPerNode: 6,
      connectionsPerWriter: 4,
      seriesPerStore: 300,
    },
  );
}
