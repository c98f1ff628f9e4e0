export {
  bench,
  type BenchOptions,
  type BenchReport,
  type ClientsResult,
  type ContenderSummary,
} from './bench.ts';
export type { Measurement } from './measure.ts';
export {
  absenceOf,
  contenderNames,
  isPeer,
  peerNames,
  workloadNames,
  type ContenderName,
  type WorkloadName,
} from './names.ts';
export { measurementLine, reportLines } from './report/lines.ts';
export { reportPage } from './report/page.ts';
