/** The options of a run of contenders, and the report of each measurement. */
import type { AxisName, ConditionLists } from './axis.ts';
import type { CodeChoice } from './code.ts';
import type { Rate } from './deployments/run.ts';
import type { Measurement } from './measurement.ts';
import type { ContenderName, WorkloadName } from './names.ts';
import type { WorkloadOptions } from './workload/workload.ts';

/** One of the conditions may have several values: it is the axis of the run. */
export interface BenchOptions extends Omit<ConditionLists, 'rate'> {
  workload: WorkloadName;
  /** `table-open-loop`: writes a second, or shares of the capacity of one-statement. */
  rate: readonly Rate[];
  contenders: readonly ContenderName[];
  rounds: number;
  seconds: number;
  warmupSeconds: number;
  seed: number;
  sessions: number;
  databases: DatabaseChoice;
  flushDelayMs: number;
  /** Settings of the embedded server, by name. */
  postgres: Readonly<Record<string, string>>;
  rttMs: number;
  databaseUrl: string | null;
  dataDir: string | null;
  code: CodeChoice;
  /** Takes CPU profiles of all processes into this folder. */
  profileFolder: string | null;
  district: WorkloadOptions['district'];
  signal: AbortSignal;
  /** Receives progress messages. */
  onProgress: (sentence: string) => void;
  /** Receives each measurement when it is done. */
  onMeasurement: (measurement: RunMeasurement) => void;
}

/**
 * `fresh`: each measurement has a copy of the prefilled database; `shared`: all use it one after another. `auto`
 * shares if a copy would take longer than the measurement.
 */
export const databaseChoices = ['auto', 'fresh', 'shared'] as const;
export type DatabaseChoice = (typeof databaseChoices)[number];

/** @property value - Value on the axis of the run. */
export type RunMeasurement = Measurement & { round: number; axis: AxisName; value: number };
