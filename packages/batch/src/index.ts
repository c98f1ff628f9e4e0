export {
  assertProjections,
  defineProjection,
  type ChangedDocument,
  type Projection,
  type ProjectionChanges,
  type ProjectionTransaction,
} from './projection.ts';
export {
  rebuildProjection,
  type RebuildOptions,
  type RebuildProgress,
  type RebuildReport,
} from './rebuild-projection.ts';
export type { BatchReport } from './attempt.ts';
export { describeBatch } from './describe-batch.ts';
export * from './answer.ts';
export * from './settle.ts';
export { settleAtOnce, type NotAtOnce } from './settle-at-once.ts';
export * from './origin.ts';
export * from './plan.ts';
export {
  fingerprintOf,
  keyOf,
  noFacts,
  outcomeOf,
  readFacts,
  type DocumentFact,
  type Facts,
} from './facts.ts';
export { Caution } from './caution.ts';
export { commitStatements, hintAwaitedOf, hintStatements, waitsForLock } from './commit.ts';
export type { BatchRetry } from './describe-retry.ts';
export { RetryLog } from './retry-log.ts';
export { cancelWrite, cancelWrites, settleUnapplied } from './cancel.ts';
export { contextOf, epochMs, flushSpans, isTracing, tracer, traceparentOf } from './trace.ts';
export { settleOptions } from './model-options.ts';
