export {
  defineProjection,
  type ChangedDocument,
  type Projection,
  type ProjectionChanges,
  type ProjectionTransaction,
} from './projection.ts';
export { emptyReport, type BatchReport } from './attempt.ts';
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
export { commitStatements, hintStatements } from './commit.ts';
export { cancelWrite, cancelWrites, settleUnapplied } from './cancel.ts';
export { contextOf, epochMs, flushSpans, isTracing, tracer, traceparentOf } from './trace.ts';
export { settleOptions } from './model-options.ts';
