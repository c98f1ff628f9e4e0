/** Documents as a target: facts, plan, effects of a change of identity, and projections, in the transaction of the batch. */
import { hasFailpoint, passFailpoint, type WriteHeader } from '#protocol';
import { projectionsText } from '#store';
import { refusal } from '../coordinator/answer.ts';
import type { BatchTransaction } from '../coordinator/batch-transaction.ts';
import { emptySettlement, type Settlement, type Target, type TargetBatch } from '../coordinator/target.ts';
import { planCascade, type CascadeOptions, type CascadeRefusal } from './cascade.ts';
import { describeRefusals, type DescribeMissing } from './describe-refusals.ts';
import { emptyPlan, type Cascade, type DocumentState, type Plan, type PlanOptions } from './plan.ts';
import { planBatch } from './plan-batch.ts';
import { addedAliasesOf, planStatements } from './plan-statements.ts';
import { applyProjections, concernedBy, faultAtEnd, type Projection } from './projection.ts';
import { readFacts } from './read-facts.ts';

export interface DocumentOptions extends PlanOptions {
  cascade: CascadeOptions;
  /** Rows derived from documents, maintained in the same transaction. @default none */
  projections?: readonly Projection[];
  describeMissing: DescribeMissing;
}

/** @param owns Says whether a resource is one of documents. */
export function documentTarget(options: DocumentOptions, owns: Target['owns']): Target {
  return { name: 'documents', owns, settle: (batch) => settleDocuments(batch, options) };
}

async function settleDocuments(batch: TargetBatch, options: DocumentOptions): Promise<Settlement> {
  const { transaction, writes } = batch;
  const started = performance.now();
  const facts = await readFacts(batch);
  if (hasFailpoint('facts_read')) {
    const ids = writes.map((write) => write.writeId);
    await passFailpoint('facts_read', [...transaction.terms.keys()], ids);
  }
  const read = performance.now();
  const planned = planBatch(writes, facts, options);
  const times = { readMs: read - started, planMs: performance.now() - read };
  if (batch.isAtOnce && needsLeader(planned))
    return { ...emptySettlement(), ...times, deferred: [...writes] };
  const plan = await carryOn(transaction, planned, options);
  await describeRefusals(transaction, plan, options.describeMissing);
  const settlement: Settlement = {
    outcomes: plan.outcomes,
    deferred: plan.deferred,
    blocked: plan.blocked,
    keys: plan.keys,
    provided: addedAliasesOf(plan).map(({ referentialId }) => referentialId),
    isRecorded: true,
    ...times,
  };
  const { projections = [] } = options;
  const { batchId, terms, bodies } = transaction;
  const text = projectionsText(projections);
  transaction.queue(...planStatements(plan, { batchId, terms, bodies, projections: text }));
  const concerned = concernedBy(plan, projections);
  if (concerned.length === 0) return settlement;
  await applyProjections(transaction, concerned);
  return { ...settlement, faultAtEnd: (error) => faultAtEnd(error, concerned) };
}

/**
 * Whether a leader has to settle the plan. The fast path of another node may be committing a missing document, which
 * no query shows yet; a leader reads a moment later. The cascade of a change of identity is work for a leader, too.
 */
function needsLeader({ outcomes, updates }: Plan): boolean {
  return (
    outcomes.some(({ outcome }) => outcome.code === 'unresolved_reference') ||
    renamedOf(updates) !== undefined
  );
}

function renamedOf(updates: Plan['updates']): Plan['updates'][number] | undefined {
  return updates.find(({ state }) => state.base?.referentialId !== state.referentialId);
}

/** Carries the change of identity of a plan, which has at most one, to all documents that refer to the renamed one. */
async function carryOn(transaction: BatchTransaction, plan: Plan, options: DocumentOptions): Promise<Plan> {
  const renamed = renamedOf(plan.updates);
  const write = plan.outcomes.find(({ outcome }) => outcome.writeId === renamed?.writeId)?.write;
  if (renamed === undefined || write === undefined) return plan;
  const cascade = await cascadeOf(transaction, renamed.state, write, options.cascade);
  if (typeof cascade !== 'string') return { ...plan, cascade };
  // The whole plan is dropped, because a change of identity is planned alone.
  const { keys, deferred } = plan;
  if (cascade === 'locked')
    return { ...emptyPlan(), deferred, blocked: [{ write, awaits: [write.writeId] }] };
  return { ...emptyPlan(), keys, deferred, outcomes: [{ write, outcome: refusal(write, cascade) }] };
}

async function cascadeOf(
  transaction: BatchTransaction,
  state: DocumentState,
  write: WriteHeader,
  options: CascadeOptions,
): Promise<Cascade | CascadeRefusal | 'locked'> {
  for await (const [, body] of transaction.bodiesOf([write])) {
    return planCascade(transaction, state, body, options);
  }
  // The body is too large to be read.
  return 'cascade_too_large';
}
