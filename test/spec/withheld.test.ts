// What never comes: who needs it is refused in time, and tells what was missing; nobody else is. And what comes in
// cycles: all of it together, or none.

import { createApi, listen } from '@sluice/server/api';
import { sampleLines, sampleModelFile } from '@sluice/dev';
import { load, shuffle, type LoadLine } from '@sluice/server/cli';
import { createClient } from 'sluice/internal/client';
import { describeDocument, readModel } from 'sluice/model';
import type { Outcome } from 'sluice/internal/protocol';
import { createWriter } from 'sluice/internal/writer';
import { describe, expect, onTestFinished, test } from 'vitest';
import { isWide } from '../support/breadth.ts';
import { useDatabase } from '../support/database.ts';
import { patient } from '../support/patient.ts';
import { sql } from '../support/sql.ts';
import { fresh, freshIn, friend, startWorld, untilEven, upsert, type World } from '../support/world.ts';

/** Longer than the load takes, so that only what is withheld is missing then. */
const deadlineSeconds = 6;

describe('a shuffled district without one of its schools', () => {
  const database = useDatabase();

  // Of a write alone it is shown by blocked.test.ts.
  test.runIf(isWide)(
    'a shuffled district is accepted except for what needs its missing school, and that is reported',
    { timeout: 60_000 },
    async () => {
      const model = await readModel([sampleModelFile]);
      const { url } = database;
      const writers = [
        createWriter({ url: database.writerUrl, model, spread: 'even' }),
        createWriter({ url: database.writerUrl, model, spread: 'even' }),
      ];
      const client = createClient({ ...patient, url: database.apiUrl, model });
      const api = createApi({ client });
      for (const each of [...writers, client]) onTestFinished(() => each.stop());
      onTestFinished(() => api.close());
      await Promise.all([client.start(), ...writers.map((writer) => writer.start())]);
      await untilEven(writers);

      // Two schools, of which one keeps away.
      const lines = [...sampleLines(7, 40, 2)];
      const [withheld] = lines.filter(({ endpoint }) => endpoint === 'sample/schools');
      const expected = dependantsOf(withheld!, lines, (line) =>
        describeDocument(model.findEndpoint(line.endpoint)!, line.document),
      );
      expect(expected.size).toBeGreaterThan(20);
      expect(expected.size).toBeLessThan(lines.length - 20);

      const submitted = lines.filter((line) => line !== withheld);
      const report = await load(shuffle(submitted, 7), {
        nodes: [await listen(api, { port: 0 })],
        concurrency: 64,
        model: null,
        waitForReferencesSeconds: deadlineSeconds,
        failuresShown: Infinity,
      });
      expect(report.refused.map(({ line }) => line).toSorted()).toEqual([...expected.keys()].toSorted());
      for (const { line, missing } of report.refused) {
        const named = missing.map(({ path }) => path!);
        const { direct, all } = expected.get(line)!;
        // What was refused later than this document was still on its way: only what is certain is named.
        expect(named).not.toEqual([]);
        expect(all).toEqual(expect.arrayContaining(named));
        expect(named).toEqual(expect.arrayContaining(direct));
      }
      expect(new Set(report.failures.map(({ code }) => code))).toEqual(new Set(['unresolved_reference']));
      expect(report).toMatchObject({
        created: submitted.length - expected.size,
        failed: expected.size,
        blockedLeft: 0,
      });
      // None of them gave up before its time.
      expect(report.seconds).toBeGreaterThan(deadlineSeconds);
      expect(await sql(url, 'select from sluice.intake')).toEqual([]);
      expect(await sql(url, 'select from sluice.awaited')).toEqual([]);
    },
  );
});

interface Dependant {
  /** Places that refer to the withheld document itself. */
  direct: string[];
  /** Places that lead there, also by way of others. */
  all: string[];
}

/** Those that refer to a withheld line, directly or by way of others, by their source. */
function dependantsOf(
  withheld: LoadLine,
  lines: readonly LoadLine[],
  describeLine: (line: LoadLine) => ReturnType<typeof describeDocument>,
): Map<string, Dependant> {
  const described = lines
    .filter((line) => line !== withheld)
    .map((line) => ({ line, ...describeLine(line) }));
  const identitiesOf = ({ referentialId, superclassId }: ReturnType<typeof describeDocument>) =>
    superclassId === null ? [referentialId] : [referentialId, superclassId];
  const own = new Set(identitiesOf(describeLine(withheld)));
  const absent = new Set(own);
  const dependants = new Map<string, Dependant>();
  for (let before = -1; before !== absent.size;) {
    before = absent.size;
    for (const { line, ...description } of described) {
      const { references } = description;
      const placesIn = (ids: Set<string>) =>
        references.filter(({ referentialId }) => ids.has(referentialId)).map(({ path }) => path);
      const all = placesIn(absent);
      if (all.length === 0) continue;
      for (const id of identitiesOf(description)) absent.add(id);
      dependants.set(line.source, { direct: placesIn(own), all });
    }
  }
  return dependants;
}

describe('documents in a cycle', () => {
  const database = useDatabase();

  /** Two writers, and for each lane in turn a fresh friend who belongs there. */
  async function setup(): Promise<{ world: World; friendIn: (writer: 0 | 1) => number }> {
    const world = await startWorld(database.url, { nodes: 2, writers: 2, writer: { spread: 'even' } });
    await untilEven(world.writers);
    const lanes = world.writers.map((writer) => writer.status().lanes);
    let turn = 0;
    return {
      world,
      friendIn(writer) {
        const led = lanes[writer]!;
        return freshIn([led[turn++ % led.length]!], (id) => upsert('friends', friend(id)));
      },
    };
  }

  const wait = { waitForReferencesSeconds: 30 };
  const submitAll = ({ nodes }: World, documents: object[], seconds = wait): Promise<Outcome[]> =>
    Promise.all(
      documents.map((document, index) => nodes[index % 2]!.submit(upsert('friends', document, seconds))),
    );

  async function batchesOf(world: World, outcomes: readonly Outcome[]): Promise<number> {
    const ids = outcomes.map(({ writeId }) => writeId);
    const [row] = await world.sql(
      'select count(distinct batch_id)::int as batches from sluice.outcome where write_id = any($1)',
      [ids],
    );
    return row!['batches'] as number;
  }

  test('documents in a cycle across two lanes of two writers are committed together', async () => {
    const { world, friendIn } = await setup();
    await Promise.all(
      Array.from({ length: 10 }, async () => {
        const [a, b] = [friendIn(0), friendIn(1)];
        const outcomes = await submitAll(world, [friend(a, b), friend(b, a)]);
        expect(outcomes).toMatchObject([{ result: 'created' }, { result: 'created' }]);
        expect(await batchesOf(world, outcomes)).toBe(1);
      }),
    );
  });

  test('cycles across three lanes of two writers are committed together, in any order', async () => {
    const { world, friendIn } = await setup();
    await Promise.all(
      Array.from({ length: 9 }, async (_, round) => {
        const [a, b, c] = [friendIn(0), friendIn(1), friendIn(round % 2 === 0 ? 0 : 1)];
        const cycle = [friend(a, b), friend(b, c), friend(c, a)];
        const outcomes = await submitAll(world, [...cycle.slice(round % 3), ...cycle.slice(0, round % 3)]);
        expect(outcomes.map(({ result }) => result)).toEqual(Array(3).fill('created'));
        expect(await batchesOf(world, outcomes)).toBe(1);
      }),
    );
  });

  test('documents in a cycle that block each other in more than one way are committed together', async () => {
    const { world, friendIn } = await setup();
    const ids = Array.from({ length: 12 }, (_, index) => friendIn(index % 2 === 0 ? 0 : 1));
    // Two cycles with one member in common, and a tail that depends on them.
    const [first, ...rest] = ids;
    const next = (index: number): number[] => [ids[(index + 1) % 6]!, ids[6 + ((index + 1) % 6)]!];
    const documents = ids.map((id, index) => friend(id, ...next(index % 6), ...(index > 5 ? [first!] : [])));
    const tail = friendIn(1);
    const outcomes = await submitAll(world, [friend(tail, rest.at(-1)!), ...documents.toReversed()]);
    expect(outcomes.map(({ result }) => result)).toEqual(Array(13).fill('created'));
    expect(await batchesOf(world, outcomes.slice(1))).toBe(1);
  });

  test('a cycle that needs a document that never comes is refused with all writes that depend on it', async () => {
    const { world, friendIn } = await setup();
    const [a, b, c, tail, stranger, never] = [
      friendIn(0),
      friendIn(1),
      friendIn(1),
      friendIn(0),
      friendIn(1),
      fresh(),
    ];
    const outcomes = await submitAll(
      world,
      [friend(a, b), friend(b, c), friend(c, a, never), friend(tail, b, stranger), friend(stranger)],
      { waitForReferencesSeconds: 1 },
    );
    expect(outcomes.map(({ code, result }) => code ?? result)).toEqual([
      ...Array(4).fill('unresolved_reference'),
      'created',
    ]);
    const places = outcomes.map(({ detail }) => detail?.missing?.map(({ path }) => path));
    const [one, two] = ['$.knows[0].friendReference', '$.knows[1].friendReference'];
    expect(places).toEqual([[one], [one], expect.arrayContaining([two]), [one], undefined]);
    const lost = outcomes[2]!.detail!.missing!.find(({ path }) => path === two);
    expect(lost).toMatchObject({ reason: 'never_seen' });
    expect(await world.sql('select from sluice.awaited')).toEqual([]);
    expect(await world.sql('select from sluice.intake')).toEqual([]);
  });

  test('a cycle of which one document is refused for another reason leaves no write waiting', async () => {
    const { world, friendIn } = await setup();
    const [a, b, c] = [friendIn(0), friendIn(1), friendIn(0)];
    const [first, second] = world.nodes;
    const seconds = { waitForReferencesSeconds: 1 };
    const outcomes = await Promise.all([
      first!.submit(upsert('friends', friend(a, b), seconds)),
      second!.submit(upsert('friends', friend(b, c), seconds)),
      first!.submit(upsert('friends', friend(c, a), { ...seconds, ifMatch: '*' })),
    ]);
    expect(outcomes.map(({ code }) => code)).toEqual([
      'unresolved_reference',
      'unresolved_reference',
      'precondition_failed',
    ]);
    expect(await world.sql('select from sluice.intake')).toEqual([]);
  });
});
