export { settleAtOnce, settleBatch, settleOptionsOf, type SettleOptions } from './settle-batch.ts';
export { notApplied, outcomeOf, refusal } from './coordinator/answer.ts';
export type { BatchTransaction } from './coordinator/batch-transaction.ts';
export { cancelWrites, settleUnapplied } from './coordinator/cancel.ts';
export { Caution } from './coordinator/caution.ts';
export { TargetError, type Refusal } from './coordinator/fault.ts';
export { fingerprintOf, keyOf, replay } from './coordinator/idempotency.ts';
export {
  ChangedCycleError,
  DeposedError,
  intakeOrigin,
  LockedLanesError,
  lockedOrigin,
  PausedError,
  togetherOrigin,
  type Front,
} from './coordinator/intake-origin.ts';
export { headerOf, memoryOrigin, type Origin } from './coordinator/origin.ts';
export { hintAwaitedOf, hintStatements } from './coordinator/record.ts';
export { emptyReport, logBatch, type BatchReport } from './coordinator/report.ts';
export { makeDeadLetter } from './coordinator/settle-alone.ts';
export type { NotAtOnce } from './coordinator/settle-idle.ts';
export {
  emptySettlement,
  waitsForLock,
  type BlockedWrite,
  type SettledWrite,
  type Settlement,
  type Target,
  type TargetBatch,
} from './coordinator/target.ts';
export { contextOf, epochMs, flushSpans, isTracing, tracer, traceparentOf } from './coordinator/trace.ts';
export { noFacts, type Facts } from './documents/facts.ts';
export { settleOptions, type ModelOptions } from './documents/model-options.ts';
export type { Plan } from './documents/plan.ts';
export { planBatch } from './documents/plan-batch.ts';
export {
  assertProjections,
  defineProjection,
  type ChangedDocument,
  type Projection,
  type ProjectionChanges,
  type ProjectionTransaction,
} from './documents/projection.ts';
export {
  rebuildProjection,
  type RebuildOptions,
  type RebuildProgress,
  type RebuildReport,
} from './documents/rebuild-projection.ts';
export { tableTargets } from './tables/table-target.ts';
