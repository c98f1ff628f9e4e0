/** The input of a measurement, and its figures. */
import type { Conditions } from './axis.ts';
import type { Code } from './code.ts';
import type { ContenderName } from './names.ts';
import type { ProcessTime, StatementTime } from './profile.ts';
import type { UsageFigures } from './usage.ts';
import type { WorkloadOptions } from './workload/workload.ts';
import type { World } from './world.ts';

export interface MeasureOptions extends Conditions {
  contender: ContenderName;
  workload: Omit<WorkloadOptions, 'share'>;
  warmupMs: number;
  durationMs: number;
  sessions: number;
  rttMs: number;
  world: World;
  serverPid: number | null;
  code: Code;
  profileFolder: string | null;
  signal: AbortSignal;
  onProgress: (sentence: string) => void;
}

export interface Measurement extends UsageFigures {
  contender: ContenderName;
  /** 0 if no client waits. */
  clients: number;
  documents: number;
  seconds: number;
  documentsPerSecond: number;
  p50Ms: number | null;
  p99Ms: number | null;
  /** Of the intake, from the server's statistics of each second; null: the contender has none. */
  deadTuplesPeak: number | null;
  /** Only if a backlog was settled. */
  backlog?: BacklogFigures;
  /** Only with a profile; the times of processes include their start and warm-up. */
  profile?: { statements: StatementTime[]; processes: ProcessTime[] };
}

export interface BacklogFigures {
  /** Documents per second while each quarter was settled. */
  quarters: [number, number, number, number];
  lastToFirstQuarter: number;
}
