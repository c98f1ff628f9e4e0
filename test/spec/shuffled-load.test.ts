// A whole district in random order, each document submitted once: the database finds the order, whichever process crashes.

import { createApi, listen } from '@sluice/server/api';
import type { Projection } from 'sluice/internal/batch';
import { sampleLines, sampleModelFile } from '@sluice/dev';
import {
  findLoadFiles,
  load,
  readLoadLines,
  shuffle,
  type LoadLine,
  type LoadOptions,
  type LoadReport,
} from '@sluice/server/cli';
import { createClient } from 'sluice/internal/client';
import { describeDocument, type Model } from 'sluice/model';
import { organizationHierarchy, readModel, studentSchoolAuthorization } from '@sluice/edfi';
import { profile } from '@sluice/edfi/profile';
import { createWriter } from 'sluice/internal/writer';
import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { firstOrAll, isWide } from '../support/breadth.ts';
import { createDatabase } from '../support/database.ts';
import { edFiPath } from '../support/edfi-data.ts';
import { isEdFiAbsent, schemaFile } from '../support/edfi.ts';
import { eventually } from '../support/eventually.ts';
import { patient } from '../support/patient.ts';
import { roleUrl } from '../support/postgres.ts';
import { startSluice } from '../support/sluice.ts';
import { sql, type SqlRow } from '../support/sql.ts';
import { untilEven } from '../support/world.ts';

const timeout = 120_000;
/** About 1,000 documents, of which nearly all refer to others, some through five. */
const lines = [...sampleLines(1, 90)];

interface District {
  url: string;
  model: Model;
  sql(text: string, values?: unknown[]): Promise<SqlRow[]>;
  load(documents: readonly LoadLine[], seed: number, options?: Partial<LoadOptions>): Promise<LoadReport>;
}

/** An empty database and two nodes. */
async function setup(modelFile = sampleModelFile): Promise<District> {
  const model = await readModel([modelFile]);
  const database = await createDatabase();
  onTestFinished(() => database.drop());
  const { url } = database;
  const nodes: string[] = [];
  for (let index = 0; index < 2; index++) {
    const client = createClient({ ...patient, url: database.apiUrl, model });
    const api = createApi({ client, ...(model.format === null ? {} : { profile }) });
    onTestFinished(async () => {
      await api.close();
      await client.stop();
    });
    await client.start();
    nodes.push(await listen(api, { port: 0 }));
  }
  return {
    url,
    model,
    sql: (text, values = []) => sql(url, text, values),
    load: (documents, seed, options = {}) =>
      load(shuffle(documents, seed), {
        nodes,
        concurrency: 32,
        model: null,
        waitForReferencesSeconds: 60,
        ...options,
      }),
  };
}

/** Two writers in this process, each with half of the lanes, known to the server by their names. */
async function startWriters(
  { url, model }: District,
  projections: readonly Projection[] = [],
): Promise<string[]> {
  const names = ['first writer', 'second writer'];
  const writers = names.map((applicationName) =>
    createWriter({ url: roleUrl(url, 'writer'), model, applicationName, projections, spread: 'even' }),
  );
  for (const writer of writers) onTestFinished(() => writer.stop());
  await Promise.all(writers.map((writer) => writer.start()));
  await untilEven(writers);
  return names;
}

/** Every document was accepted, once, and nobody waits for anything. */
async function expectComplete(
  district: District,
  report: LoadReport,
  documents = lines.length,
): Promise<void> {
  expect(report).toMatchObject({ documents, created: documents, failures: [], refused: [], blockedLeft: 0 });
  expect(
    await district.sql('select count(*)::int as documents from sluice.document where version = 1'),
  ).toEqual([{ documents }]);
  for (const table of ['intake', 'awaited', 'dead_letter']) {
    expect(await district.sql(`select count(*)::int as ${table} from sluice.${table}`)).toEqual([
      { [table]: 0 },
    ]);
  }
}

describe('a district in random order', () => {
  test.each(firstOrAll([1, 2, 3]))(
    'a district in random order is accepted whole, with seed %i',
    { timeout },
    async (seed) => {
      const district = await setup();
      await startWriters(district);
      const report = await district.load(lines, seed);
      expect(report).toMatchObject({
        submitted: lines.length,
        created: lines.length,
        failed: 0,
        blockedLeft: 0,
      });
      await expectComplete(district, report);
    },
  );

  test.runIf(isWide)(
    'a district in random order needs no more than one request at a time',
    { timeout },
    async () => {
      const district = await setup();
      await startWriters(district);
      let blockedMax = 0;
      const onProgress: LoadOptions['onProgress'] = (readTally) => {
        blockedMax = Math.max(blockedMax, readTally().blocked);
      };
      await expectComplete(district, await district.load(lines, 4, { concurrency: 1, onProgress }));
      expect(blockedMax).toBeGreaterThan(1);
    },
  );

  test.runIf(isWide)(
    'a district in random order is accepted whole while sessions of its writers are ended repeatedly',
    { timeout },
    async () => {
      const district = await setup();
      const names = await startWriters(district);
      const loaded = new AbortController();
      let ended = 0;
      const ending = (async () => {
        for (; !loaded.signal.aborted; await pause(100)) {
          const rows = await district.sql(
            `select pg_terminate_backend(pid) from pg_stat_activity
           where datname = current_database() and application_name = $1`,
            [names[ended % 2]],
          );
          ended += rows.length > 0 ? 1 : 0;
        }
      })();
      const report = await district.load(lines, 5);
      loaded.abort();
      await ending;
      // How many it is depends on the machine.
      expect(ended).toBeGreaterThan(1);
      await expectComplete(district, report);
    },
  );

  // The chaos run kills writers under loads, too.
  test.runIf(isWide)(
    'a district in random order is accepted whole while writer processes are killed',
    { timeout },
    async () => {
      const district = await setup();
      const settings = { DATABASE_URL: roleUrl(district.url, 'writer'), SLUICE_LOG_LEVEL: 'silent' };
      const start = () => startSluice(['writer', '--model', sampleModelFile], settings);
      const writers = [start(), start(), start()];
      await Promise.all(writers.map((writer) => writer.event('ready')));
      const loading = district.load(lines, 6);
      for (const part of [0.1, 0.5]) {
        await eventually(
          async () => {
            const [row] = await district.sql('select count(*)::int as documents from sluice.document');
            expect(row!['documents']).toBeGreaterThan(part * lines.length);
          },
          { timeoutMs: timeout },
        );
        writers.pop()!.kill('SIGKILL');
      }
      await expectComplete(district, await loading);
    },
  );
});

/**
 * Some documents from all over the Ed-Fi sample with all that they need. The whole of it takes a minute, by hand:
 * `npx sluice dev --once --model …/ApiSchema.json --load …/documents --shuffle --seed 1 --wait-for-references 120`
 */
test.skipIf(isEdFiAbsent || !isWide)(
  'Ed-Fi documents in random order are accepted whole',
  { timeout },
  async () => {
    const district = await setup(schemaFile);
    await startWriters(district, [organizationHierarchy(), studentSchoolAuthorization()]);
    const all = await Readable.from(readLoadLines(await findLoadFiles([edFiPath('documents')]))).toArray();
    const documents = withAllTheyNeed(
      district.model,
      all as LoadLine[],
      ({ source }) => source.endsWith('7') && /^(46|6|7)/.test(source),
    );
    expect(documents.length).toBeGreaterThan(500);
    await expectComplete(district, await district.load(documents, 7), documents.length);
    // Schools came before and after their district.
    const schools = await district.sql(
      `select cardinality(ancestor_ids) as ancestors from sluice.organization where resource = 'ed-fi/schools'`,
    );
    expect(schools.length).toBeGreaterThan(0);
    expect(schools.filter(({ ancestors }) => (ancestors as number) < 2)).toEqual([]);
  },
);

/** The chosen lines and, transitively, those they refer to, from an ordered load. */
function withAllTheyNeed(
  model: Model,
  ordered: readonly LoadLine[],
  isChosen: (line: LoadLine) => boolean,
): LoadLine[] {
  const needed = new Set<string>();
  return ordered.toReversed().filter((line) => {
    const described = describeDocument(model.findEndpoint(line.endpoint)!, line.document);
    const { referentialId, superclassId, references } = described;
    if (!isChosen(line) && !needed.has(referentialId) && !needed.has(superclassId ?? '')) return false;
    for (const reference of references) needed.add(reference.referentialId);
    return true;
  });
}
