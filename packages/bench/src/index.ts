export { axisOf, type AxisName, type ConditionLists } from './axis.ts';
export { bench, type BenchReport } from './bench.ts';
export {
  databaseChoices,
  type BenchOptions,
  type DatabaseChoice,
  type RunMeasurement,
} from './bench-options.ts';
export type { Measurement } from './measurement.ts';
export {
  absenceOf,
  contenderNames,
  deployedContenders,
  isPeer,
  peerNames,
  workloadNames,
  type ContenderName,
  type DeployedContender,
  type WorkloadName,
} from './names.ts';
export { prefill } from './prefill.ts';
export { measurementLine, reportLines } from './report/lines.ts';
export { deploymentLine, deploymentLines } from './report/deployment-lines.ts';
export { measureDeployments, type DeploymentsReport } from './deployments/deployments.ts';
export type { Rate } from './deployments/run.ts';
export type { DeploymentMeasurement } from './deployments/results.ts';
export { reportPage } from './report/page.ts';
export {
  costsOf,
  predict,
  predictStores,
  type Costs,
  type Deployment,
  type Prediction,
  type Stores,
  type StoresPrediction,
} from './sizing.ts';
export type { ContenderSummary, Growth, PointResult } from './summary.ts';
export { benchModel, describe, itemDocument } from './workload/bench-model.ts';
export { makeItems } from './workload/item-rows.ts';
