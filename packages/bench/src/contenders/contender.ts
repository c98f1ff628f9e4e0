/** How a contender takes one document and answers once it is durable. One file for each that exists. */
import type { Model } from 'sluice/model';
import type { WorkloadName } from '../names.ts';
import type { BenchDocument } from '../workload/bench-model.ts';

export interface Contender {
  start(): Promise<void>;
  /** Resolves once the document is stored, for good. */
  submit(document: BenchDocument): Promise<void>;
  stop(): Promise<void>;
}

export interface ContenderOptions {
  url: string;
  model: Model;
  workload: WorkloadName;
  lanes: number;
  /** Connections, for those that have a pool: all processes of a measurement share the 32. */
  poolMax: number;
}
