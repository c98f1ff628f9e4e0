/** One try of a batch in one transaction: open, facts, plan, what follows from the plan, commit, hint. */
import { hasFailpoint, passFailpoint, type Outcome, type WriteHeader } from '@sluice/protocol';
import { projectionsText, type Session, type Statement } from '@sluice/store';
import { v7 as uuidv7 } from 'uuid';
import { refusal } from './answer.ts';
import { planCascade, type CascadeOptions } from './cascade.ts';
import { awaitedHintStatements, commitStatements, hintStatements, type Burial } from './commit.ts';
import { readFacts } from './facts.ts';
import type { BatchFault } from './fault.ts';
import type { Origin } from './origin.ts';
import { emptyPlan, planBatch, type Plan, type PlanOptions } from './plan.ts';
import { applyProjections, concernedBy, endFault, type Projection } from './projection.ts';

export interface AttemptOptions extends PlanOptions {
  /** Look for blocked writes ahead of those of the batch. @default false */
  withBlocked?: boolean;
  /** Look for writes of the batch that were settled elsewhere. */
  withSettled: boolean;
  cascade: CascadeOptions;
  /** Rows derived from documents, kept true in the same transaction. @default none */
  projections?: readonly Projection[];
  /** Completes the answer to a write with missing references: names and places, from its body. */
  describeMissing: (
    resource: string,
    body: string,
    referentialIds: readonly string[],
  ) => NonNullable<Outcome['detail']>;
}

/** What a batch came to. Several transactions where it had to be tried again or in parts. */
export interface BatchReport {
  batchId: string;
  /** By `performance.now()`. */
  startedAt: number;
  outcomes: Plan['outcomes'];
  held: WriteHeader[];
  blocked: Plan['blocked'];
  /** Writes of no intake that failed alone: their node answers with the error. */
  failed: { write: WriteHeader; error: BatchFault }[];
  transactions: number;
  /** Codes of the errors that were met, in order. */
  errors: string[];
  /** Milliseconds spent on reading, planning, writing. */
  readMs: number;
  planMs: number;
  commitMs: number;
}

export function emptyReport(): BatchReport {
  return {
    batchId: uuidv7(),
    startedAt: performance.now(),
    outcomes: [],
    held: [],
    blocked: [],
    failed: [],
    transactions: 0,
    errors: [],
    readMs: 0,
    planMs: 0,
    commitMs: 0,
  };
}

/** Notes the writes that it found in `opened`, so that the caller knows them when it throws. */
export async function attemptBatch(
  session: Session,
  origin: Origin,
  only: readonly string[] | null,
  options: AttemptOptions,
  report: BatchReport,
  opened: WriteHeader[],
): Promise<void> {
  const started = performance.now();
  const { writes, prefix } = await origin.open(session, only);
  opened.push(...writes);
  if (writes.length === 0) {
    if (prefix.length === 0) await session.flight([{ name: 'rollback' }]);
    return;
  }
  report.transactions += 1;
  const { withSettled, withBlocked = false } = options;
  // What is of no intake comes after whatever was accepted there before.
  const withAhead = origin.bodies !== null;
  const facts = await readFacts(session, writes, { withSettled, withBlocked, withAhead, prefix });
  if (hasFailpoint('facts_read')) {
    const ids = writes.map((write) => write.writeId);
    await passFailpoint('facts_read', [...origin.terms.keys()], ids);
  }
  const read = performance.now();
  const planned = planBatch(writes, facts, options);
  const planEnd = performance.now();
  const plan = await carryOn(session, origin, planned, options);
  await describeRefusals(session, origin, plan, options);
  await commitPlan(session, origin, plan, report, options);
  report.readMs += read - started;
  report.planMs += planEnd - read;
  report.commitMs += performance.now() - planEnd;
}

export async function commitPlan(
  session: Session,
  origin: Origin,
  plan: Plan,
  report: BatchReport,
  options: { burials?: readonly Burial[]; projections?: readonly Projection[] },
): Promise<void> {
  const { burials = [], projections = [] } = options;
  const { batchId } = report;
  const { terms, bodies } = origin;
  const statements = commitStatements(plan, {
    batchId,
    terms,
    bodies,
    burials,
    projections: projectionsText(projections),
  });
  if (statements.length === 0) await session.flight([{ name: 'rollback' }]);
  else {
    // The hint is a transaction of its own behind the COMMIT: no flush happens under the notification lock.
    const hints = bodies === null ? hintStatements(plan.outcomes) : awaitedHintStatements(plan);
    const end: Statement[] = [{ name: 'commit' }, ...hints];
    const concerned = concernedBy(plan, projections);
    const waits = hasFailpoint('before_commit');
    if (concerned.length === 0 && !waits) await session.flight([...statements, ...end]);
    else {
      await session.flight(statements);
      await applyProjections(session, concerned);
      if (waits) await passFailpoint('before_commit', [...terms.keys()]);
      if (concerned.length === 0) await session.flight(end);
      else {
        await session.flight([{ name: 'check_constraints' }, ...end]).catch((error: unknown) => {
          throw endFault(
            error,
            concerned.map(({ projection }) => projection),
          );
        });
      }
    }
  }
  report.outcomes.push(...plan.outcomes);
  report.held.push(...plan.held);
  report.blocked.push(...plan.blocked);
}

/** Follows a change of identity, of which a plan holds at most one, to all who refer to the document. */
async function carryOn(session: Session, origin: Origin, plan: Plan, options: AttemptOptions): Promise<Plan> {
  const renamed = plan.updates.find(({ state }) => state.base?.referentialId !== state.referentialId);
  const write = plan.outcomes.find(({ outcome }) => outcome.writeId === renamed?.writeId)?.write;
  if (renamed === undefined || write === undefined) return plan;
  const bodies = await readBodies(session, origin, [write]);
  const cascade = await planCascade(session, renamed.state, bodies.get(write.writeId) ?? '', options.cascade);
  if (typeof cascade !== 'string') return { ...plan, cascade };
  // Nothing of the plan stands but the answer: a change of identity is planned alone.
  const outcomes = [{ write, outcome: refusal(write, cascade) }];
  return { ...emptyPlan(), keys: plan.keys, outcomes, held: plan.held, dropped: plan.dropped };
}

async function readBodies(
  session: Session,
  origin: Origin,
  writes: readonly WriteHeader[],
): Promise<Map<string, string | null>> {
  if (origin.bodies !== null) {
    return new Map(writes.map(({ writeId }) => [writeId, origin.bodies?.get(writeId)?.body ?? null]));
  }
  const rows = await session.run('readBodies', [writes.map((write) => write.writeId)]);
  return new Map(rows.map((row) => [row['write_id'] as string, row['body'] as string | null]));
}

/**
 * Says of each reference that is missing which one it is, from the bodies of the refused writes; and what became of the
 * write that would have provided it, if there was one.
 */
async function describeRefusals(
  session: Session,
  origin: Origin,
  plan: Plan,
  options: AttemptOptions,
): Promise<void> {
  const refused = plan.outcomes.filter(({ outcome }) => outcome.code === 'unresolved_reference');
  if (refused.length === 0) return;
  const writes = refused.map(({ write }) => write);
  const bodies = await readBodies(session, origin, writes);
  const failures = await readFailures(session, plan, writes);
  for (const { write, outcome } of refused) {
    const body = bodies.get(write.writeId);
    const missing = outcome.detail?.missing?.map((reference) => reference.referentialId);
    if (typeof body !== 'string' || missing === undefined) continue;
    const detail = options.describeMissing(write.resource, body, missing);
    for (const reference of detail.missing ?? []) {
      const failure = failures.get(reference.referentialId);
      reference.reason = failure === undefined ? 'never_seen' : 'provider_failed';
      if (failure !== undefined && failure !== '') reference.providerCode = failure;
    }
    outcome.detail = detail;
  }
}

/** Codes of writes that came to nothing, by the identities that they would have provided; empty: not known. */
async function readFailures(
  session: Session,
  plan: Plan,
  refused: readonly WriteHeader[],
): Promise<Map<string, string>> {
  const failures = new Map<string, string>();
  for (const { write, outcome } of plan.outcomes) {
    if (outcome.code === null || write.operation === 'delete') continue;
    for (const id of [write.referentialId, write.superclassId])
      if (id !== null) failures.set(id, outcome.code);
  }
  const waited = refused.filter((write) => write.wasBlocked).map((write) => write.writeId);
  if (waited.length === 0) return failures;
  for (const row of await session.run('readFailures', [waited])) {
    failures.set(row['awaited_id'] as string, row['failure'] as string);
  }
  return failures;
}
