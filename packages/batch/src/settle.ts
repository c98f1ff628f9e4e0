/**
 * Settles a batch: facts, plan, commit, each in the transaction that its origin begins. What fails is tried again as
 * its error asks: stale facts are read anew, deadlocks wait a moment, and anything else is halved until the write
 * that causes it stands alone. Neighbours of a bad write are committed.
 */
import { randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Outcome, WriteHeader } from '@sluice/protocol';
import { DatabaseError, type Session } from '@sluice/store';
import { v7 as uuidv7 } from 'uuid';
import { commitStatements, hintStatements, type Burial } from './commit.ts';
import { readFacts } from './facts.ts';
import { DeposedError, type Origin } from './origin.ts';
import { planCascade, type CascadeOptions } from './cascade.ts';
import { emptyPlan, planBatch, refusal, type Plan, type PlanOptions } from './plan.ts';

export interface SettleOptions extends PlanOptions {
  /** Look for blocked writes ahead of those of the batch. @default false */
  withBlocked?: boolean;
  cascade: CascadeOptions;
  /** Completes the answer to a write with missing references: names and places, from its body. */
  describeMissing: (
    resource: string,
    body: string,
    referentialIds: readonly string[],
  ) => NonNullable<Outcome['detail']>;
}

/** What a batch came to. Several transactions where it had to be tried in parts. */
export interface BatchReport {
  batchId: string;
  outcomes: { write: WriteHeader; outcome: Outcome }[];
  held: WriteHeader[];
  blocked: { write: WriteHeader; awaits: string[] }[];
  /** Writes of no intake that failed alone: their node answers with the error. */
  failed: { write: WriteHeader; error: DatabaseError }[];
  transactions: number;
  /** SQLSTATEs that were met, in order. */
  errors: string[];
  /** Milliseconds spent on reading, planning, writing. */
  readMs: number;
  planMs: number;
  commitMs: number;
}

/** Tries of one set of writes, for stale facts and for transient errors. */
const triesMax = 6;
/** Tries of a write that fails alone for another reason, before it is set aside. */
const triesAloneMax = 3;

export async function settleBatch(
  session: Session,
  origin: Origin,
  options: SettleOptions,
): Promise<BatchReport> {
  const report: BatchReport = {
    batchId: uuidv7(),
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
  await settlePart(session, origin, null, options, report);
  return report;
}

async function settlePart(
  session: Session,
  origin: Origin,
  only: readonly string[] | null,
  options: SettleOptions,
  report: BatchReport,
): Promise<void> {
  let withSettled = false;
  for (let attempt = 1; ; attempt++) {
    let writes: readonly WriteHeader[] = [];
    try {
      const started = performance.now();
      const opened = await origin.open(session, only);
      writes = opened.writes;
      report.readMs += performance.now() - started;
      if (writes.length === 0) {
        if (opened.prefix.length === 0) await session.flight([{ name: 'rollback' }]);
        return;
      }
      report.transactions += 1;
      await settleOnce(session, origin, opened, { ...options, withSettled }, report);
      return;
    } catch (error) {
      if (!(error instanceof DatabaseError) || error.isConnectionLoss) {
        if (error instanceof DeposedError) await session.flight([{ name: 'rollback' }]);
        throw error;
      }
      await session.flight([{ name: 'rollback' }]);
      report.errors.push(error.sqlState ?? '');
      withSettled ||= error.isStaleFacts;
      const isPassing = error.isStaleFacts || error.isTransient;
      if (attempt < (isPassing ? triesMax : writes.length > 1 ? 1 : triesAloneMax)) {
        if (error.isTransient) await pause(randomInt(5, 20 * 2 ** attempt));
        continue;
      }
      if (writes.length > 1) {
        const ids = writes.map((write) => write.writeId);
        const middle = Math.ceil(ids.length / 2);
        await settlePart(session, origin, ids.slice(0, middle), options, report);
        await settlePart(session, origin, ids.slice(middle), options, report);
      } else {
        await giveUp(
          session,
          origin,
          only ?? writes.map((write) => write.writeId),
          isPassing,
          error,
          attempt,
          report,
        );
      }
      return;
    }
  }
}

async function settleOnce(
  session: Session,
  origin: Origin,
  opened: Awaited<ReturnType<Origin['open']>>,
  options: SettleOptions & { withSettled: boolean },
  report: BatchReport,
): Promise<void> {
  const started = performance.now();
  const { withSettled, withBlocked = false } = options;
  const facts = await readFacts(session, opened.writes, { withSettled, withBlocked, prefix: opened.prefix });
  const read = performance.now();
  const plan = await carryOn(session, origin, planBatch(opened.writes, facts, options), options);
  const planned = performance.now();
  await describeRefusals(session, origin, plan, options);
  await commitPlan(session, origin, plan, report);
  report.readMs += read - started;
  report.planMs += planned - read;
  report.commitMs += performance.now() - planned;
}

/** Follows a change of identity, of which a plan holds at most one, to all who refer to the document. */
async function carryOn(session: Session, origin: Origin, plan: Plan, options: SettleOptions): Promise<Plan> {
  const renamed = plan.updates.find(({ state }) => state.base?.referentialId !== state.referentialId);
  const write = plan.outcomes.find(({ outcome }) => outcome.writeId === renamed?.writeId)?.write;
  if (renamed === undefined || write === undefined) return plan;
  const bodies = await readBodies(session, origin, [write]);
  const cascade = await planCascade(session, renamed.state, bodies.get(write.writeId) ?? '', options.cascade);
  if (typeof cascade !== 'string') return { ...plan, cascade };
  // Nothing of the plan stands but the answer: a change of identity is planned alone.
  return {
    ...emptyPlan(),
    keys: plan.keys,
    outcomes: [{ write, outcome: refusal(write, cascade) }],
    held: plan.held,
  };
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

/** Says of each reference that is missing which one it is: the bodies of refused writes are read for it. */
async function describeRefusals(
  session: Session,
  origin: Origin,
  plan: Plan,
  options: SettleOptions,
): Promise<void> {
  const refused = plan.outcomes.filter(({ outcome }) => outcome.code === 'unresolved_reference');
  if (refused.length === 0) return;
  const bodies = await readBodies(
    session,
    origin,
    refused.map(({ write }) => write),
  );
  for (const { write, outcome } of refused) {
    const body = bodies.get(write.writeId);
    const missing = outcome.detail?.missing?.map((reference) => reference.referentialId);
    if (typeof body !== 'string' || missing === undefined) continue;
    outcome.detail = options.describeMissing(write.resource, body, missing);
  }
}

async function commitPlan(
  session: Session,
  origin: Origin,
  plan: Plan,
  report: BatchReport,
  burials: readonly Burial[] = [],
): Promise<void> {
  const { batchId } = report;
  const statements = commitStatements(plan, { batchId, terms: origin.terms, bodies: origin.bodies, burials });
  if (statements.length === 0) {
    await session.flight([{ name: 'rollback' }]);
  } else {
    const hints = origin.bodies === null ? hintStatements(plan.outcomes) : [];
    await session.flight([...statements, { name: 'commit' }, ...hints]);
  }
  report.outcomes.push(...plan.outcomes);
  report.held.push(...plan.held);
  report.blocked.push(...plan.blocked);
}

/** A plan that settles one write without effect. */
export function planOfOutcome(
  write: WriteHeader,
  code: NonNullable<Outcome['code']>,
  detail: Outcome['detail'] = null,
): Plan {
  const outcome: Outcome = {
    writeId: write.writeId,
    result: 'not_applied',
    code,
    resource: write.resource,
    documentId: null,
    version: null,
    contentHash: null,
    detail,
  };
  return { ...emptyPlan(), outcomes: [{ write, outcome }] };
}

/**
 * Settles a write that cannot be settled otherwise: as a conflict if it was only ever in others' way, else as a dead
 * letter. Writes that are in nobody's intake are told to their node by the error itself.
 */
async function giveUp(
  session: Session,
  origin: Origin,
  only: readonly string[],
  isPassing: boolean,
  error: DatabaseError,
  attempts: number,
  report: BatchReport,
): Promise<void> {
  const opened = await origin.open(session, only);
  const [write] = opened.writes;
  if (write === undefined) return void (await session.flight([{ name: 'rollback' }]));
  if (!isPassing && origin.bodies !== null) {
    report.failed.push({ write, error });
    return;
  }
  if (opened.prefix.length > 0) await session.flight(opened.prefix);
  const reduced = { code: error.sqlState, constraint: error.constraint, table: error.table };
  const plan = planOfOutcome(
    write,
    isPassing ? 'write_conflict' : 'dead_letter',
    isPassing ? null : { error: reduced },
  );
  report.transactions += 1;
  await commitPlan(session, origin, plan, report, isPassing ? [] : [{ write, attempts, error: reduced }]);
}
