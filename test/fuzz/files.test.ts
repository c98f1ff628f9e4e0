// Files with something wrong in them: models, Ed-Fi schemas, and lines of a load. Each fault is told with its place.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sampleModelFile } from '@sluice/dev';
import { findLoadFiles, load, readLoadLines } from '@sluice/server/cli';
import { createApi } from '@sluice/server/api';
import { createClient } from 'sluice/internal/client';
import { modelFormat } from '@sluice/edfi';
import { ModelError, parseModel, readModel, type Model } from 'sluice/model';
import { SluiceError } from 'sluice/internal/protocol';
import { pino } from 'pino';
import { isEdFiAbsent, schemaFile } from '../support/edfi.ts';
import { Campaign, casesOf, rngOf, within } from './campaign.ts';
import { nativeModel, useFuzzWorld } from './fuzz-world.ts';
import { canary } from './hostile-documents.ts';
import { brokenLoadLine, mutated, mutatedText } from './hostile-files.ts';

const logger = pino({ level: 'silent' });
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-fuzz-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('model files with something wrong in them', () => {
  const campaign = new Campaign('model files');

  /**
   * A model that is taken must serve: what is wrong with it is for who starts the node, not for its clients. Of the large
   * schemas one in four is tried in a node.
   */
  async function judge(
    kind: string,
    number: number,
    input: string,
    read: () => Model | Promise<Model>,
  ): Promise<void> {
    try {
      const model = await read();
      if (kind !== 'changed Ed-Fi schema' || number % 4 === 0)
        createApi({ client: createClient({ url: 'postgres://nobody@localhost/none', model }), logger });
      campaign.count(kind, 'accepted');
    } catch (error) {
      campaign.count(kind, 'refused');
      const isTold =
        (error instanceof ModelError &&
          error.code === 'invalid_model' &&
          /^Cannot read the model: .+ \(.+\)$/s.test(error.message) &&
          error.message.includes(error.path)) ||
        (error instanceof SluiceError &&
          /^Cannot use the model: the schema of \S+ is wrong: .+/.test(error.message));
      if (!isTold) campaign.fault(kind, number, String((error as Error).stack).slice(0, 600), input);
    }
  }

  const { cases, timeoutMs } = casesOf(0.03);

  test('a fault in a model file is reported with its place', { timeout: timeoutMs }, async () => {
    const text = await readFile(sampleModelFile, 'utf8');
    const sample = JSON.parse(text) as unknown;
    for (let number = 0; number < cases; number++) {
      const rng = rngOf('sample model', number);
      const json = mutated(rng, sample);
      await judge('changed model', number, JSON.stringify(json), () => parseModel(json, 'sample'));
    }
    const file = join(folder, 'model.json');
    for (let number = 0; number < cases / 4; number++) {
      const bytes = mutatedText(rngOf('model text', number), text);
      await writeFile(file, bytes);
      await judge('changed text of a model', number, bytes.toString('latin1'), () => readModel(file));
    }
    expect(campaign.faults).toEqual([]);
  });

  test.skipIf(isEdFiAbsent)(
    'a fault in an Ed-Fi schema is reported with its place',
    { timeout: timeoutMs },
    async () => {
      const whole = JSON.parse(await readFile(schemaFile, 'utf8')) as {
        projectSchemas: Record<string, object>;
      };
      const part = partOf(whole, 'students', 'schools', 'studentSchoolAssociations');
      await judge('changed Ed-Fi schema', -1, '', () => parseModel(part, 'part', { format: modelFormat }));
      for (let number = 0; number < cases / 2; number++) {
        const json = mutated(rngOf('Ed-Fi schema', number), part);
        await judge('changed Ed-Fi schema', number, JSON.stringify(json).slice(0, 500), () =>
          parseModel(json, 'part', { format: modelFormat }),
        );
      }
      expect(campaign.faults).toEqual([]);
    },
  );
});

interface ResourceSchema {
  resourceName: string;
  documentPathsMapping: Record<string, { resourceName?: string }>;
}

/** A schema with some resources alone, and those that they refer to. */
function partOf(whole: { projectSchemas: Record<string, object> }, ...endpoints: string[]): object {
  const [key, project] = Object.entries(whole.projectSchemas)[0]!;
  const { resourceSchemas } = project as { resourceSchemas: Record<string, ResourceSchema> };
  const byName = new Map(
    Object.entries(resourceSchemas).map(([endpoint, { resourceName }]) => [resourceName, endpoint]),
  );
  const kept = new Set(endpoints);
  // What is added while it goes on is visited too.
  for (const endpoint of kept) {
    for (const { resourceName } of Object.values(resourceSchemas[endpoint]!.documentPathsMapping)) {
      const target = byName.get(resourceName ?? '');
      if (target !== undefined) kept.add(target);
    }
  }
  const schemas = Object.fromEntries([...kept].map((endpoint) => [endpoint, resourceSchemas[endpoint]]));
  return { ...whole, projectSchemas: { [key]: { ...project, resourceSchemas: schemas } } };
}

describe('a load with broken lines', () => {
  const campaign = new Campaign('lines of loads');
  const world = useFuzzWorld();
  const { cases, timeoutMs } = casesOf(0.02);
  const linesOfOne = 100;

  test(
    'a load with broken lines stores the others, and reports each broken one',
    { timeout: timeoutMs },
    async () => {
      // Where documents wait for others, nodes of the other modes do not answer before that.
      const node = world.nodes.coordinated;
      await node.listen({ host: '127.0.0.1', port: 0 });
      const url = `http://127.0.0.1:${(node.server.address() as AddressInfo).port}`;
      const file = join(folder, 'load.ndjson');
      for (let number = 0; number < cases; number += linesOfOne) {
        const rng = rngOf('load', number);
        const lines = Array.from({ length: linesOfOne }, (_, index) => {
          const isBroken = rng.chance(0.5);
          const sound = Buffer.from(
            `{"endpoint":"/fuzz/things","document":{"code":"load-${number + index}"}}`,
          );
          return { isBroken, bytes: isBroken ? brokenLoadLine(rng, 'fuzz/things') : sound };
        });
        const newline = Buffer.from(rng.pick(['\n', '\r\n']));
        await writeFile(file, Buffer.concat(lines.flatMap(({ bytes }) => [bytes, newline])));
        const report = await within(
          60_000,
          `load ${number}`,
          load(readLoadLines(await findLoadFiles([file])), {
            nodes: [url],
            concurrency: 16,
            model: rng.chance(0.5) ? nativeModel : null,
            waitForReferencesSeconds: rng.chance(0.3) ? 5 : null,
            failuresShown: linesOfOne,
            retryMs: 10_000,
          }),
        );
        const broken = lines.flatMap(({ isBroken }, index) => (isBroken ? [`load.ndjson:${index + 1}`] : []));
        const told = report.failures.map(({ line }) => line);
        campaign.count('lines of loads', 'refused', broken.length);
        campaign.count('lines of loads', 'accepted', report.created);
        if (
          report.created + report.failed !== linesOfOne ||
          broken.toSorted().join() !== told.toSorted().join()
        ) {
          const wrong = lines.findIndex(
            ({ isBroken }, index) => isBroken !== told.includes(`load.ndjson:${index + 1}`),
          );
          campaign.fault(
            'lines of loads',
            number,
            JSON.stringify(report.failures.filter(({ line }) => !broken.includes(line))).slice(0, 500),
            lines[wrong]?.bytes ?? '',
          );
        }
        const words = new Set(report.failures.map(({ code }) => code));
        if (
          report.failures.some(({ code, line }) => code === '' || line === '') ||
          JSON.stringify([...words]).includes(canary)
        )
          campaign.fault('lines of loads', number, `says ${[...words].join()}`, '');
      }
      expect(campaign.faults).toEqual([]);
      expect(world.logged()).not.toMatch(/"level":(50|60)/);
    },
  );
});
