/** The interface of a contender: it takes one document and resolves when that is durable. Each contender has its own file. */
import type { Model } from 'sluice/model';
import type { WorkloadName } from '../names.ts';
import type { BenchDocument } from '../workload/bench-model.ts';

export interface Contender {
  start(): Promise<void>;
  /** Resolves when the document is durable. */
  submit(document: BenchDocument): Promise<void>;
  stop(): Promise<void>;
}

export interface ContenderOptions {
  url: string;
  model: Model;
  workload: WorkloadName;
  lanes: number;
  /** Connections of a pool; all processes of a measurement share them. */
  poolMax: number;
}
