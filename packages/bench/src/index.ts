export { axisOf, type AxisName, type ConditionLists } from './axis.ts';
export {
  bench,
  databaseChoices,
  type BenchOptions,
  type BenchReport,
  type DatabaseChoice,
  type RunMeasurement,
} from './bench.ts';
export type { Measurement } from './measurement.ts';
export {
  absenceOf,
  contenderNames,
  isPeer,
  peerNames,
  workloadNames,
  type ContenderName,
  type WorkloadName,
} from './names.ts';
export { prefill } from './prefill.ts';
export { measurementLine, reportLines } from './report/lines.ts';
export { openLoopLine, openLoopLines } from './report/open-loop-lines.ts';
export { openLoop, type OpenLoopReport } from './open-loop/open-loop.ts';
export type { OpenLoopMeasurement } from './open-loop/results.ts';
export { reportPage } from './report/page.ts';
export { costsOf, predict, type Costs, type Deployment, type Prediction } from './sizing.ts';
export type { ContenderSummary, Growth, PointResult } from './summary.ts';
export { benchModel, describe, itemDocument } from './workload/bench-model.ts';
export { makeItems } from './workload/item-rows.ts';
