import { deepStrictEqual } from 'node:assert/strict';
import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { memoryOrigin, settleBatch, settleOptions, type BatchReport } from 'sluice/internal/batch';
import { Session } from 'sluice/internal/store';
import { useDatabase } from '../support/database.ts';
import { describeCase, namesOf, planCase, type PlanCase, type Submission } from '../support/plan-case.ts';
import { etagOf, expectedLine, model, readTables, store, uuidOf, writeOf } from '../support/plan-database.ts';
import { SequentialModel } from '../support/plan-model.ts';
import { orderOf, type Before } from '../support/plan-order.ts';

const cases = Math.ceil(Number(process.env['SLUICE_PROPERTY_CASES'] ?? 300) / 8);
const options = settleOptions(model, { lanes: 16, cascadeDocumentsMax: 100 });

describe('any batch', () => {
  const database = useDatabase();
  let session: Session;
  let client: pg.Client;

  beforeAll(async () => {
    session = await Session.open({ url: database.url, applicationName: 'commit property' });
    client = new pg.Client(database.url);
    await client.connect();
  });

  afterAll(async () => {
    await session.close();
    await client.end();
  });

  test(
    'the commit of any batch equals its writes applied one at a time',
    async () => {
      let batches = 0;
      const property = fc.asyncProperty(planCase(), async (each) => {
        try {
          batches += await runCase(each);
        } catch (error) {
          throw new Error(describeCase(each), { cause: error });
        }
      });
      await fc.assert(property, { numRuns: cases });
      expect(batches).toBeGreaterThan(cases);
    },
    60_000 + cases * 1000,
  );

  /** Batch after batch from memory: what is deferred or blocked goes into the next, and in the end nobody may wait. */
  async function runCase(planCase: PlanCase): Promise<number> {
    await store(client, planCase);
    const sequential = new SequentialModel(planCase.stored, etagOf);
    let open: Submission[] = [];
    let batches = 0;
    for (let round = 0, stuck = 0; round < planCase.rounds.length || open.length > 0; round++) {
      if (stuck > 2) throw new Error(`Stuck for good: ${open.map((write) => write.writeId).join()}`);
      if (stuck > 0) open = open.map((write) => ({ ...write, waits: false }));
      open.push(...planCase.writes.filter((write) => write.arrives === round));
      if (open.length === 0) continue;
      const report = await settleBatch(session, memoryOrigin(open.map(writeOf)), options);
      batches += 1;
      demandNoFault(report, open);
      compare(report, planCase, sequential);
      await compareTables(sequential);
      const left = [...report.deferred, ...report.blocked.map(({ write }) => write)].map(
        ({ writeId }) => writeId,
      );
      const before = open.length;
      open = open.filter((write) => left.includes(uuidOf(write.writeId)));
      stuck = open.length < before || round < planCase.rounds.length ? 0 : stuck + 1;
    }
    return batches;
  }

  async function compareTables(sequential: SequentialModel): Promise<void> {
    const expected = [...sequential.documents].map(([documentId, { version, content }]) =>
      expectedLine(documentId, version, content),
    );
    deepStrictEqual(
      await readTables(client),
      expected.toSorted(),
      'the tables are those of one write at a time',
    );
  }
});

/** A plan on fresh facts meets no constraint, but for writes that somebody else has settled. */
function demandNoFault(report: BatchReport, batch: readonly Submission[]): void {
  deepStrictEqual(report.failed, [], 'no write fails');
  // The key of their outcomes, once.
  const isKnown = batch.some((write) => write.isSettledElsewhere) && report.errors.join() === '23505';
  deepStrictEqual(report.errors, isKnown ? ['23505'] : [], 'no constraint is met');
}

function compare(report: BatchReport, { stored, writes }: PlanCase, sequential: SequentialModel): void {
  const names = [...stored, ...writes].map((each) => each.documentId);
  const nameOf = (id: string | null): string | null => names.find((name) => uuidOf(name) === id) ?? id;
  const settled = report.outcomes.flatMap(({ outcome }) => {
    const write = writes.find(({ writeId }) => uuidOf(writeId) === outcome.writeId);
    if (write === undefined) throw new Error(`Nobody's outcome: ${outcome.writeId}`);
    return [{ write, outcome: { ...outcome, documentId: nameOf(outcome.documentId) } }];
  });
  for (const group of orderOf(settled, stateOf(sequential))) {
    const answers = sequential.apply(group);
    group.forEach((write, index) => {
      const outcome = settled.find((each) => each.write === write)?.outcome;
      const { result, code, documentId, version, contentHash } = outcome ?? {};
      const answer = { result, code, documentId, version, contentHash };
      deepStrictEqual(answer, answers[index], `${write.writeId} is answered as one at a time`);
    });
  }
}

function stateOf({ documents, keys }: SequentialModel): Before {
  const aliases = new Map<string, string>();
  const referrers = new Map<string, string[]>();
  for (const [documentId, { content }] of documents) {
    for (const name of namesOf(content.identity)) aliases.set(name, documentId);
    for (const name of content.references) referrers.set(name, [...(referrers.get(name) ?? []), documentId]);
  }
  return { aliases, referrers, keys };
}
