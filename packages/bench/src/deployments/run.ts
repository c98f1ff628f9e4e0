/** The options of a run of deployments, and the state that its parts share. */
import type { Code, CodeChoice } from '../code.ts';
import type { ContenderName, DeployedContender } from '../names.ts';
import type { Server } from '../server.ts';
import type { WorkloadOptions } from '../workload/workload.ts';
import type { Build } from './build.ts';
import type { Pattern } from './arrivals.ts';
import type { LoadFigures } from './measure-load.ts';
import type { DeploymentMeasurement, Load } from './results.ts';

/** Writes a second, or a share of the capacity. */
export type Rate = { perSecond: number } | { percent: number };

export interface Capacity {
  contender: DeployedContender;
  lanes: number;
  nodes: number;
  /** Documents a second of clients that wait for their answers. */
  documentsPerSecond: number;
}

export interface DeploymentsOptions {
  workload: 'open-loop' | 'edfi';
  contenders: readonly ContenderName[];
  /** Open loop: writes a second. */
  rate: readonly Rate[];
  /** Open loop: how the rate changes. */
  pattern: Pattern;
  /** The contender whose capacity the percentages refer to. */
  rateOf: DeployedContender;
  /** `edfi`: concurrent requests. */
  clients: readonly number[];
  writers: readonly number[];
  nodes: readonly number[];
  lanes: readonly number[];
  rounds: number;
  seconds: number;
  warmupSeconds: number;
  prefill: number;
  seed: number;
  /** Connections that the nodes of `seed-direct` share. */
  poolMax: number;
  /** `edfi`: the documents and their model. */
  documents: WorkloadOptions['district'];
  /** The checkout of this benchmark. */
  checkout: string;
  code: CodeChoice;
  /** Folders of other checkouts, built. */
  builds: readonly string[];
  flushDelayMs: number;
  postgres: Readonly<Record<string, string>>;
  databaseUrl: string | null;
  dataDir: string | null;
  /** Takes CPU profiles of writers and nodes into this folder, and counts the time of statements. */
  profileFolder: string | null;
  signal: AbortSignal;
  onProgress: (sentence: string) => void;
  onMeasurement: (measurement: DeploymentMeasurement) => void;
}

/** The state that every part of a run needs. */
export interface Run {
  options: DeploymentsOptions;
  contenders: readonly DeployedContender[];
  builds: readonly Build[];
  server: Server;
  code: Code;
  capacities: Capacity[];
  measurements: DeploymentMeasurement[];
}

/** Called for each measured load. */
export type OnLoad = (load: Load, figures: LoadFigures) => void;
