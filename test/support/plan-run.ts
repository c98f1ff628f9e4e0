// Plans a case batch by batch, as the engine does, and judges every batch: against the constraints of the tables,
// against the sequential model, and against what must not be refused.

import { deepStrictEqual } from 'node:assert/strict';
import type { planBatch as PlanBatch, Plan } from 'sluice/internal/batch';
import { isApplied, type WriteHeader } from 'sluice/internal/protocol';
import {
  allowsIdentityUpdate,
  hashOf,
  namesOf,
  type Content,
  type PlanCase,
  type Submission,
} from './plan-case.ts';
import { SequentialModel } from './plan-model.ts';
import { orderOf, overlap, reachableFrom, sharesOf, type Before } from './plan-order.ts';
import { intakeRow, Tables, type IntakeRow } from './plan-tables.ts';

export interface RunReport {
  batches: number;
  /** How often each result or code was answered. */
  answers: Map<string, number>;
  /** Writes deferred or blocked. */
  delays: number;
}

/** Throws an Error that says what is wrong with the plan of which batch. */
export function runPlanCase(planCase: PlanCase, planBatch: typeof PlanBatch): RunReport {
  return new Run(planCase, planBatch).run();
}

class Run {
  readonly #case: PlanCase;
  readonly #planBatch: typeof PlanBatch;
  readonly #tables: Tables;
  readonly #model: SequentialModel;
  #intake: IntakeRow[] = [];
  /** All settled writes in the order of the model, each with what it shared with others when it was settled. */
  readonly #sequence: { write: Submission; shares: string[] }[] = [];
  readonly #report: RunReport = { batches: 0, answers: new Map(), delays: 0 };

  constructor(planCase: PlanCase, planBatch: typeof PlanBatch) {
    this.#case = planCase;
    this.#planBatch = planBatch;
    this.#tables = new Tables(planCase.stored);
    this.#model = new SequentialModel(planCase.stored);
  }

  run(): RunReport {
    const { rounds, writes } = this.#case;
    rounds.forEach(({ lanes, writesMax }, round) => {
      this.#intake.push(...writes.filter((write) => write.arrives === round).map(intakeRow));
      this.#wake();
      this.#settle(lanes, writesMax);
    });
    this.#drain();
    this.#demandOrder();
    return this.#report;
  }

  /** All lanes until nothing is left: blocked writes of several lanes meet, and at last their deadlines pass. */
  #drain(): void {
    let stuck = 0;
    for (let round = 0; this.#intake.length > 0; round++) {
      if (round > 200) throw new Error('The plan never comes to an end');
      this.#wake();
      const before = this.#intake.length;
      this.#settle([0, 1], Number.POSITIVE_INFINITY);
      stuck = this.#intake.length < before ? 0 : stuck + 1;
      if (stuck === 0) continue;
      if (stuck > 5)
        throw new Error(`Stuck for good: ${this.#intake.map(({ write }) => write.writeId).join()}`);
      if (stuck > 2) this.#expire();
      for (const row of this.#intake) row.awaits = null;
    }
  }

  #expire(): void {
    for (const row of this.#intake) row.header = { ...row.header, referenceDeadline: null };
  }

  /** Blocked writes whose wait may be over, as sql/queries/blocked.sql finds them. */
  #wake(): void {
    const provides = ({ header }: IntakeRow, name: string): boolean =>
      header.operation !== 'delete' && (header.referentialId === name || header.superclassId === name);
    const hasChanged = (row: IntakeRow, awaited: string): boolean => {
      if (this.#tables.aliases.has(awaited)) return true;
      if (awaited.startsWith('write:')) {
        return !this.#intake.some(({ write, awaits }) => write.writeId === awaited && awaits !== null);
      }
      const isOnItsWay = this.#intake.some((other) => other !== row && provides(other, awaited));
      return !isOnItsWay && row.header.referenceDeadline === null;
    };
    const stirred = this.#intake.filter((row) => row.awaits?.some((awaited) => hasChanged(row, awaited)));
    for (const row of stirred) {
      for (const other of this.#intake) {
        const isAwaited =
          row.awaits?.some((id) => other.write.writeId === id || provides(other, id)) ?? false;
        if (isAwaited && other.awaits !== null && !stirred.includes(other)) stirred.push(other);
      }
    }
    for (const row of stirred) row.awaits = null;
  }

  #settle(lanes: readonly number[], writesMax: number): void {
    const ready = this.#intake.filter(({ write, awaits }) => awaits === null && lanes.includes(write.lane));
    const taken = ready.slice(0, writesMax);
    if (taken.length === 0) return;
    // As the coordinator does ahead of each plan.
    this.#leave(taken.filter(({ write }) => write.isSettledElsewhere));
    const batch = taken.filter(({ write }) => !write.isSettledElsewhere);
    if (batch.length === 0) return;
    const tables = this.#tables;
    const facts = tables.facts(batch, this.#intake);
    const before: Before = {
      aliases: new Map(tables.aliases),
      referrers: new Map(
        [...tables.aliases.keys()].map((name) => [
          name,
          [...tables.documents.values()]
            .filter((row) => row.referenceIds.includes(name))
            .map((row) => row.documentId),
        ]),
      ),
      keys: new Set(tables.keys.keys()),
    };
    const headers = batch.map(({ header }) => header);
    const plan = this.#planBatch(headers, facts, { allowsIdentityUpdate });
    this.#report.batches += 1;
    demandShape(plan, batch);
    // Before the tables change: who waited for whom.
    const cycles = cyclesOf(this.#intake, tables, before);
    tables.apply(plan, (writeId) => {
      const content = batch.find(({ write }) => write.writeId === writeId)?.write.content;
      if (content === null || content === undefined) throw new Error(`No body: ${writeId}`);
      return content;
    });
    this.#compare(plan, batch, before);
    this.#takeOut(plan);
    this.#demandNoneRefusedInVain(plan, batch, cycles);
  }

  /** Applies the settled writes to the model, in an order found for them, and compares answers and documents. */
  #compare(plan: Plan, batch: readonly IntakeRow[], before: Before): void {
    const settled = plan.outcomes.map(({ outcome }) => {
      const row = batch.find(({ write }) => write.writeId === outcome.writeId);
      if (row === undefined) throw new Error(`Not in the batch: ${outcome.writeId}`);
      return { write: row.write, outcome };
    });
    for (const group of orderOf(settled, before)) {
      const answers = this.#model.apply(group);
      group.forEach((write, index) => {
        const outcome = settled.find(({ write: each }) => each === write)?.outcome;
        const { result, code, documentId, version, contentHash } = outcome ?? {};
        const answer = { result, code, documentId, version, contentHash };
        deepStrictEqual(answer, answers[index], `${write.writeId} is answered as one at a time`);
        const isUpsert = write.operation === 'upsert';
        const owner = isUpsert ? before.aliases.get(write.identity) : undefined;
        const names = isUpsert || (result !== undefined && isApplied(result)) ? namesOf(write.identity) : [];
        const shares = [documentId ?? owner ?? write.documentId, ...names];
        this.#sequence.push({ write, shares });
        const told = code ?? result ?? '';
        this.#report.answers.set(told, (this.#report.answers.get(told) ?? 0) + 1);
      });
    }
    const told = (documentId: string, version: number, content: Content): string =>
      `${documentId} v${version}: ${hashOf(content)}`;
    const stored = [...this.#tables.documents.values()].map((row) =>
      told(row.documentId, row.version, row.content),
    );
    const expected = [...this.#model.documents].map(([documentId, { version, content }]) =>
      told(documentId, version, content),
    );
    deepStrictEqual(stored.sort(), expected.sort(), 'the documents are those of one write at a time');
  }

  #takeOut(plan: Plan): void {
    const blocked = new Map(plan.blocked.map(({ write, awaits }) => [write.writeId, awaits]));
    for (const row of this.#intake) row.awaits = blocked.get(row.write.writeId) ?? row.awaits;
    this.#leave(plan.outcomes.map(({ write }) => ({ write })));
    this.#report.delays += plan.deferred.length + plan.blocked.length;
  }

  #leave(rows: readonly { write: { writeId: string } }[]): void {
    const gone = new Set(rows.map(({ write }) => write.writeId));
    this.#intake = this.#intake.filter(({ write }) => !gone.has(write.writeId));
  }

  /**
   * A write refused for a missing reference could not have stood: not together with others that were refused, and
   * no write in the intake would provide it, unless the write itself blocks that one.
   */
  #demandNoneRefusedInVain(plan: Plan, batch: readonly IntakeRow[], cycles: ReadonlySet<string>): void {
    const refused = plan.outcomes.filter(({ outcome }) => outcome.code === 'unresolved_reference');
    const isReplay = (writeId: string): boolean =>
      !plan.keys.some(({ write }) => write.writeId === writeId) &&
      batch.some(({ write }) => write.writeId === writeId && write.key !== null);
    // No document refers to itself by an identity that it gives up, nor waits for the next owner of it (docs/plan.md).
    const isGivenUp = (write: WriteHeader, name: string): boolean =>
      this.#tables.aliases.get(name) === write.documentId && !namesOf(write.referentialId).includes(name);
    let standing = refused.filter(({ outcome }) => !isReplay(outcome.writeId)).map(({ write }) => write);
    for (const write of standing) {
      const { detail } = refused.find((each) => each.write === write)?.outcome ?? {};
      const missing = detail?.missing?.map((reference) => reference.referentialId) ?? [];
      if (missing.length === 0) throw new Error(`${write.writeId} is refused without a missing reference`);
      const isAwaited = (name: string): boolean =>
        this.#intake.some(
          ({ write: each }) =>
            each.operation !== 'delete' && !each.isSettledElsewhere && namesOf(each.identity).includes(name),
        );
      const mayCome = missing.every((name) => isAwaited(name) && !isGivenUp(write, name));
      if (mayCome && !cycles.has(write.writeId))
        throw new Error(`${write.writeId} is refused while ${missing.join(' and ')} may still come`);
    }
    // The greatest set of refused writes that would stand together must be empty.
    for (let size = -1; size !== standing.length;) {
      size = standing.length;
      const names = new Set(standing.flatMap((write) => namesOf(write.referentialId)));
      standing = standing.filter((write) =>
        write.referenceIds.every((name) => {
          const owner = this.#tables.aliases.get(name);
          return names.has(name) || (owner !== undefined && !isGivenUp(write, name));
        }),
      );
    }
    if (standing.length > 0)
      throw new Error(`Refused, but could stand together: ${standing.map((write) => write.writeId).join()}`);
  }

  /** Writes of one lane that are about one document or identity are in order of arrival. */
  #demandOrder(): void {
    this.#sequence.forEach(({ write, shares }, index) => {
      const overtaken = this.#sequence
        .slice(0, index)
        .find(
          (earlier) =>
            earlier.write.position > write.position &&
            earlier.write.lane === write.lane &&
            overlap(earlier.shares, shares),
        );
      if (overtaken !== undefined)
        throw new Error(`${overtaken.write.writeId} has overtaken ${write.writeId}`);
    });
  }
}

function demandShape(plan: Plan, batch: readonly IntakeRow[]): void {
  const ids = [
    ...plan.outcomes.map(({ write }) => write),
    ...plan.deferred,
    ...plan.blocked.map(({ write }) => write),
  ].map((write) => write.writeId);
  const all = batch.map(({ write }) => write.writeId);
  deepStrictEqual(ids.toSorted(), all.toSorted(), 'each write has one fate');
  if (plan.deferred.length === batch.length) throw new Error('Nothing is settled or blocked');
  for (const { write, outcome } of plan.outcomes) {
    if (write.writeId !== outcome.writeId) throw new Error(`Another's outcome: ${write.writeId}`);
  }
  const written = [
    ...plan.creates.map(({ state }) => state.documentId),
    ...plan.updates.map(({ state }) => state.documentId),
    ...plan.deletes.map(({ documentId }) => documentId),
  ];
  deepStrictEqual(written, [...new Set(written)], 'each document is written once');
}

/**
 * Writes that no order can satisfy, because they block a write on which they depend: by references, by order, or by
 * a delete that waits for all who mention its document. And those in one cycle with a change of identity, which is
 * planned alone.
 */
function cyclesOf(intake: readonly IntakeRow[], tables: Tables, before: Before): Set<string> {
  const open = intake.filter(({ write }) => !write.isSettledElsewhere);
  const shares = open.map(({ write }) => sharesOf(write, before.aliases));
  const standsBehind = (index: number, other: number): boolean =>
    other < index && overlap(shares[index], shares[other]);
  const lacks = ({ content, documentId }: Submission, name: string): boolean =>
    content !== null &&
    content.references.includes(name) &&
    !namesOf(content.identity).includes(name) &&
    (before.aliases.get(name) ?? documentId) === documentId;
  const edges = open.map(({ write }, index) =>
    open.flatMap(({ write: other }, each) => {
      if (each === index) return [];
      const names = other.operation === 'delete' ? [] : namesOf(other.identity);
      const awaits = names.some((name) => lacks(write, name));
      const isInTheWay =
        write.operation === 'delete' &&
        (namesOf(write.identity).some((name) => other.content?.references.includes(name)) ||
          tables.referrersOf(write.documentId).some(({ documentId }) => shares[each]?.includes(documentId)));
      return awaits || isInTheWay || standsBehind(index, each) ? [each] : [];
    }),
  );
  const reaches = open.map((_, index) => reachableFrom(index, edges));
  const renames = ({ write }: IntakeRow): boolean => {
    const row = write.operation === 'update' ? tables.documents.get(write.documentId) : undefined;
    return row !== undefined && row.content.identity !== write.identity;
  };
  return new Set(
    open.flatMap((row, index) => {
      const isInCycle = (other: number): boolean =>
        Boolean(reaches[index]?.has(other) && reaches[other]?.has(index));
      const isHindered = open.some(
        (each, other) => isInCycle(other) && (standsBehind(other, index) || renames(each)),
      );
      return isHindered ? [row.write.writeId] : [];
    }),
  );
}
