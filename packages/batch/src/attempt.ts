/** One try of a batch in one transaction: open, facts, plan, what follows from the plan, commit, hint. */
import { hasFailpoint, passFailpoint, type Outcome, type WriteHeader } from '@sluice/protocol';
import { projectionsText, readBodies, type Session, type Statement } from '@sluice/store';
import { v7 as uuidv7 } from 'uuid';
import { refusal } from './answer.ts';
import type { Caution } from './caution.ts';
import { planCascade, type Cascade, type CascadeOptions, type CascadeRefusal } from './cascade.ts';
import {
  awaitedHintStatements,
  commitStatements,
  hintStatements,
  waitsForLock,
  type Burial,
} from './commit.ts';
import { readFacts, type Facts } from './facts.ts';
import type { BatchFault } from './fault.ts';
import type { Origin } from './origin.ts';
import { emptyPlan, planBatch, type Plan, type PlanOptions } from './plan.ts';
import { applyProjections, concernedBy, endFault, type Projection } from './projection.ts';
import type { DocumentState } from './world.ts';

export interface AttemptOptions extends PlanOptions {
  /** Look for blocked writes ahead of those of the batch. @default false */
  withBlocked?: boolean;
  /** Look for writes of the batch that were settled elsewhere. */
  withSettled: boolean;
  /** Look for every row that the batch may have to wait for, and wait for none of the others for long. */
  withLocks: boolean;
  /** Then no other lock is waited for longer than this. @default 25 */
  lockWaitMs?: number;
  /** Remembers that a lock was waited for in vain, for the batches that follow. @default nobody does */
  caution?: Caution;
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
  /** Those of the blocked ones that wait for a lock which shows only to who waits for it: a key, a row of a projection. */
  waited: WriteHeader[];
  /** Writes of no intake that failed alone: their node answers with the error. */
  failed: { write: WriteHeader; error: BatchFault }[];
  transactions: number;
  /** How often a lock was waited for in vain. */
  lockWaits: number;
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
    waited: [],
    failed: [],
    transactions: 0,
    lockWaits: 0,
    errors: [],
    readMs: 0,
    planMs: 0,
    commitMs: 0,
  };
}

/** How long a batch waits for a lock that it could not look for, once it is known that somebody may hold one for long. */
const cautiousWaitMs = 25;

/** Statements that set the limits of a transaction. */
export function limitsOf({
  withLocks,
  lockWaitMs = cautiousWaitMs,
}: Pick<AttemptOptions, 'withLocks' | 'lockWaitMs'>): Statement[] {
  return withLocks ? [{ name: 'limitLockWait', values: [`${lockWaitMs}ms`] }] : [];
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
  const { withSettled, withLocks, withBlocked = false } = options;
  const { writes, prefix } = await origin.open(session, only, limitsOf(options));
  opened.push(...writes);
  if (writes.length === 0) {
    if (prefix.length === 0) await session.flight([{ name: 'rollback' }]);
    return;
  }
  report.transactions += 1;
  // What is of no intake comes after whatever was accepted there before.
  const withAhead = origin.bodies !== null;
  // A lone write of a node's own session waits in the order of those who want its document; no other waits along.
  const waitsForDocuments = withAhead && writes.length === 1 && !withLocks;
  const reading = { withSettled, withBlocked, withAhead, withLocks, waitsForDocuments };
  let facts = await readFacts(session, writes, { ...reading, prefix });
  if (facts.lockedWrites.size > 0) {
    leaveOutLocked(origin, opened, facts);
    facts = await readFacts(session, opened, reading);
  }
  if (hasFailpoint('facts_read')) {
    const ids = writes.map((write) => write.writeId);
    await passFailpoint('facts_read', [...origin.terms.keys()], ids);
  }
  const read = performance.now();
  const planned = planBatch(opened, facts, options);
  const planEnd = performance.now();
  const plan = await carryOn(session, origin, planned, options);
  // Who would wait without looking would wait again.
  if (withLocks && plan.blocked.some(waitsForLock)) options.caution?.note();
  await describeRefusals(session, origin, plan, options);
  await commitPlan(session, origin, plan, report, options);
  report.readMs += read - started;
  report.planMs += planEnd - read;
  report.commitMs += performance.now() - planEnd;
}

/** A write whose own row in the intake is locked can neither be settled nor blocked: its lane stands still. */
function leaveOutLocked(origin: Origin, opened: WriteHeader[], { lockedWrites }: Facts): void {
  const lanes = new Set(opened.flatMap(({ writeId, lane }) => (lockedWrites.has(writeId) ? [lane] : [])));
  origin.leaveOut(lanes);
  opened.splice(0, opened.length, ...opened.filter(({ lane }) => !lanes.has(lane)));
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
  const { terms, bodies, areBlocked } = origin;
  const statements = commitStatements(plan, {
    batchId,
    terms,
    bodies,
    areBlocked,
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
  const cascade = await cascadeOf(session, origin, renamed.state, write, options.cascade);
  if (typeof cascade !== 'string') return { ...plan, cascade };
  // Nothing of the plan stands: a change of identity is planned alone.
  const { keys, held, dropped } = plan;
  if (cascade === 'locked')
    return { ...emptyPlan(), held, dropped, blocked: [{ write, awaits: [write.writeId] }] };
  return { ...emptyPlan(), keys, held, dropped, outcomes: [{ write, outcome: refusal(write, cascade) }] };
}

async function cascadeOf(
  session: Session,
  origin: Origin,
  state: DocumentState,
  write: WriteHeader,
  options: CascadeOptions,
): Promise<Cascade | CascadeRefusal | 'locked'> {
  for await (const [, body] of bodiesOf(session, origin, [write])) {
    return planCascade(session, state, body, options);
  }
  // It is too large to be read.
  return 'cascade_too_large';
}

/** Of the writes whose bodies are there to be read. */
async function* bodiesOf(
  session: Session,
  origin: Origin,
  writes: readonly WriteHeader[],
): AsyncGenerator<[writeId: string, body: string]> {
  const ids = writes.map(({ writeId }) => writeId);
  if (origin.bodies === null) {
    yield* readBodies((name, values) => session.run(name, values), ids);
    return;
  }
  for (const id of ids) {
    const body = origin.bodies.get(id)?.body ?? null;
    if (body !== null) yield [id, body];
  }
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
  const failures = await readFailures(session, plan, writes);
  const answers = new Map(refused.map(({ write, outcome }) => [write.writeId, { write, outcome }]));
  for await (const [writeId, body] of bodiesOf(session, origin, writes)) {
    const { write, outcome } = answers.get(writeId) as Plan['outcomes'][number];
    const missing = outcome.detail?.missing?.map((reference) => reference.referentialId);
    if (missing === undefined) continue;
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
