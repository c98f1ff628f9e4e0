/** The messages between a measurement and its processes. */
import type { ContenderName, WorkloadName } from '../names.ts';
import type { Pattern } from '../deployments/arrivals.ts';
import type { WorkloadOptions } from '../workload/workload.ts';
import type { WindowResult } from './window.ts';

export type Task =
  | {
      role: 'writer';
      url: string;
      workload: WorkloadName;
      modelFiles: readonly string[] | null;
      lanes: number;
      sessions: number;
      batchWritesMax: number;
      /** Whether it tells of each batch. */
      tellsBatches: boolean;
    }
  | {
      role: 'load';
      url: string;
      contender: ContenderName;
      workload: WorkloadOptions;
      clients: number;
      lanes: number;
      batchWritesMax: number;
      poolMax: number;
      /** Writes a second; 0: the clients wait for their answers. */
      perSecond: number;
      /** The API nodes to use; empty: the contender runs in this process. */
      nodeUrls: readonly string[];
    }
  | {
      role: 'open-load';
      nodeUrls: readonly string[];
      workload: WorkloadOptions;
      perSecond: number;
      pattern: Pattern;
      /** Selects the arrivals. */
      seed: number;
    }
  | {
      role: 'node';
      url: string;
      workload: WorkloadName;
      contender: ContenderName;
      /** Null: the model of the benchmark's own documents. */
      modelFiles: readonly string[] | null;
      lanes: number;
      poolMax: number;
    }
  | { role: 'proxy'; host: string; port: number; rttMs: number };

/** @property at - Milliseconds since 1970, by the shared clock of the machine. */
export interface SettledBatch {
  writes: number;
  at: number;
}

export type Order =
  { type: 'task'; task: Task } | { type: 'go'; warmupMs: number; durationMs: number } | { type: 'stop' };

export type Notice =
  /** The URL, if the process listens. */
  | { type: 'ready'; url?: string }
  | { type: 'warm' }
  | ({ type: 'batch' } & SettledBatch)
  | { type: 'result'; result: WindowResult }
  | { type: 'failed'; message: string };
