// Rows of a projection for documents that were there before it: by slices, while writers go on, as often interrupted as one likes.

import { rebuildProjection, type Projection } from 'sluice/internal/batch';
import { createClient, type SluiceClient } from 'sluice/internal/client';
import { parseModel } from 'sluice/model';
import { listProjections } from 'sluice/operator';
import { organizationHierarchy, studentSchoolAuthorization } from '@sluice/edfi';
import type { Operation } from 'sluice/internal/protocol';
import { changeProjections, Database } from 'sluice/internal/store';
import { createWriter } from 'sluice/internal/writer';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { patient } from '../support/patient.ts';
import { execute } from '../support/postgres.ts';
import { readSluice, startSluice } from '../support/sluice.ts';
import { openConnection } from '../support/sql.ts';

const modelText = JSON.stringify({
  project: 'Sample',
  resources: [
    { name: 'District', endpoint: 'sample/districts', identity: ['$.districtId'] },
    {
      name: 'School',
      endpoint: 'sample/schools',
      identity: ['$.schoolId'],
      references: [
        {
          resource: 'District',
          paths: [{ identity: '$.districtId', path: '$.districtReference.districtId' }],
        },
      ],
    },
    {
      name: 'Enrollment',
      endpoint: 'sample/enrollments',
      identity: ['$.studentId', '$.schoolReference.schoolId'],
      allowIdentityUpdates: true,
      references: [
        { resource: 'School', paths: [{ identity: '$.schoolId', path: '$.schoolReference.schoolId' }] },
      ],
    },
  ],
});
const model = parseModel(JSON.parse(modelText));
const modulePath = resolve(import.meta.dirname, '../../docs/examples/enrollment.mjs');
const { enrollment } = (await import(modulePath)) as { enrollment: Projection };

const hierarchy = organizationHierarchy([
  { endpoint: 'sample/districts', id: ['districtId'], parents: [] },
  { endpoint: 'sample/schools', id: ['schoolId'], parents: [['districtReference', 'districtId']] },
]);
const authorization = studentSchoolAuthorization({ endpoint: 'sample/enrollments', student: ['studentId'] });
const projections = [enrollment, hierarchy, authorization];

const schools = 12;
const students = 40;

const database = useDatabase();
let operator: Database;
let client: SluiceClient;

beforeAll(async () => {
  await execute(
    database.url,
    `create schema app;
     create table app.enrollment (document_id uuid primary key, school_id bigint not null, student_id text not null);
     grant usage on schema app to public; grant all on app.enrollment to public`,
  );
  operator = new Database({ url: database.writerUrl, applicationName: 'test', connectionsMax: 2 });
  client = createClient({ ...patient, url: database.apiUrl, model });
  await client.start();
  await withWriter([], async () => {
    await Promise.all([101, 102].map((districtId) => write('upsert', 'districts', { districtId })));
    await Promise.all(
      Array.from({ length: schools }, (_, at) =>
        write('upsert', 'schools', { schoolId: at, districtReference: { districtId: 101 + (at % 2) } }),
      ),
    );
    await Promise.all(
      Array.from({ length: students }, (_, at) => write('upsert', 'enrollments', enrolled(at, at % schools))),
    );
  });
});

afterAll(async () => {
  await client.stop();
  await operator.close();
});

function enrolled(studentId: number, schoolId: number): object {
  return { studentId: `s${studentId}`, schoolReference: { schoolId } };
}

async function write(operation: Operation, name: string, body: object | null, documentId?: string) {
  return client.submit({
    operation,
    resource: model.findEndpoint(`sample/${name}`)!,
    body: body === null ? null : JSON.stringify(body),
    ...(documentId === undefined ? {} : { documentId }),
  });
}

async function withWriter<T>(own: readonly Projection[], work: () => Promise<T>): Promise<T> {
  const writer = createWriter({ url: database.writerUrl, model, projections: own });
  await writer.start();
  try {
    return await work();
  } finally {
    await writer.stop();
  }
}

const rebuild = (projection: Projection, options: Parameters<typeof rebuildProjection>[2] = {}) =>
  rebuildProjection({ url: database.writerUrl, applicationName: 'test rebuild' }, projection, options);

const states = async (): Promise<Record<string, string>> =>
  Object.fromEntries((await listProjections(operator)).map(({ name, state }) => [name, state]));

/** Derived rows beside what the documents say. */
async function expectDerived(): Promise<void> {
  const compare = async (derived: string, documents: string): Promise<void> =>
    expect(await execute(database.url, derived)).toEqual(await execute(database.url, documents));
  await compare(
    'select document_id, school_id, student_id from app.enrollment order by 1',
    `select document_id, (body #>> '{schoolReference,schoolId}')::bigint as school_id, body ->> 'studentId' as student_id
     from sluice.document where resource = 'sample/enrollments' order by 1`,
  );
  await compare(
    'select student_id, school_id, associations from sluice.student_school_authorization order by 1, 2',
    `select body ->> 'studentId' as student_id, (body #>> '{schoolReference,schoolId}')::bigint as school_id,
            count(*)::integer as associations
     from sluice.document where resource = 'sample/enrollments' group by 1, 2 order by 1, 2`,
  );
  await compare(
    'select document_id, organization_id, ancestor_ids from sluice.organization order by 1',
    `select document_id, coalesce(body ->> 'schoolId', body ->> 'districtId')::bigint as organization_id,
            (select array_agg(id order by id) from unnest(array[(body ->> 'schoolId')::bigint,
              coalesce(body ->> 'districtId', body #>> '{districtReference,districtId}')::bigint]) as a (id)
             where id is not null) as ancestor_ids
     from sluice.document where resource in ('sample/districts', 'sample/schools') order by 1`,
  );
}

/** Creates, moves, renames and deletes enrollments and moves schools, until it is told to stop. */
function keepWriting(seed: number): () => Promise<number> {
  const over = new AbortController();
  const loops = Array.from({ length: 6 }, async (_, loop) => {
    let writes = 0;
    for (let at = 0; !over.signal.aborted; at++) {
      const studentId = 1000 * (seed + loop) + at;
      const { documentId } = await write('upsert', 'enrollments', enrolled(studentId, at % schools));
      if (at % 3 === 0)
        await write('update', 'enrollments', enrolled(studentId, (at + 1) % schools), documentId!);
      if (at % 4 === 0) await write('delete', 'enrollments', null, documentId!);
      const schoolId = (at + loop) % schools;
      await write('upsert', 'schools', {
        schoolId,
        districtReference: { districtId: 101 + ((at + loop) % 2) },
      });
      const {
        documents: [old],
      } = await client.listDocuments(model.findEndpoint('sample/enrollments')!, {
        limit: 1,
        offset: loop,
      });
      if (at % 5 === 0 && old !== undefined) await write('delete', 'enrollments', null, old.documentId);
      writes += 1;
    }
    return writes;
  });
  return async () => {
    over.abort();
    return (await Promise.all(loops)).reduce((sum, writes) => sum + writes, 0);
  };
}

test('a rebuild gives what the documents say, whatever is written meanwhile and however often it is interrupted', async () => {
  await changeProjections(operator, projections);
  expect(await states()).toEqual({
    enrollment: 'needs_rebuild',
    organization_hierarchy: 'needs_rebuild',
    student_school_authorization: 'needs_rebuild',
  });
  await withWriter(projections, async () => {
    const stop = keepWriting(1);
    let interrupted = 0;
    await Promise.all(
      projections.map(async (projection) => {
        let slices = 0;
        let done = 0;
        for (;;) {
          const cut = new AbortController();
          const report = await rebuild(projection, {
            sliceDocumentsMax: 3,
            signal: cut.signal,
            onProgress: () => (slices += 1) % 5 === 0 && cut.abort(),
          });
          expect(report.documents).toBeGreaterThanOrEqual(done);
          done = report.documents;
          if (report.isComplete) return;
          interrupted += 1;
          expect((await states())[projection.name]).toBe('rebuilding');
        }
      }),
    );
    expect(interrupted).toBeGreaterThan(3);
    expect(await stop()).toBeGreaterThan(0);
  });
  expect(new Set(Object.values(await states()))).toEqual(new Set(['complete']));
  await expectDerived();
});

test('two rebuilds of one projection at the same time give the same as one', async () => {
  await withWriter(projections, async () => {
    const stop = keepWriting(100);
    const both = [
      rebuild(authorization, { sliceDocumentsMax: 7 }),
      rebuild(authorization, { sliceDocumentsMax: 5 }),
    ];
    expect((await Promise.all(both)).map(({ isComplete }) => isComplete)).toEqual([true, true]);
    await stop();
  });
  await expectDerived();
});

test('a slice of a rebuild waits for a batch that changes one of its documents, and reads its result', async () => {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  let isApplied = false;
  const gated: Projection = {
    ...enrollment,
    async apply(changes, transaction) {
      await enrollment.apply(changes, transaction);
      isApplied = true;
      await opened;
    },
  };
  await withWriter([gated, hierarchy, authorization], async () => {
    const {
      documents: [first],
    } = await client.listDocuments(model.findEndpoint('sample/enrollments')!, {
      limit: 1,
      offset: 0,
    });
    const body = JSON.parse(first!.body) as { studentId: string; schoolReference: { schoolId: number } };
    const schoolId = (body.schoolReference.schoolId + 1) % schools;
    const moved = write(
      'update',
      'enrollments',
      { ...body, schoolReference: { schoolId } },
      first!.documentId,
    );
    await eventually(() => expect(isApplied).toBe(true));
    const rebuilt = rebuild(enrollment);
    await eventually(async () =>
      expect(
        await execute(
          database.url,
          `select 1 from pg_stat_activity where application_name = 'test rebuild' and wait_event_type = 'Lock'`,
        ),
      ).toHaveLength(1),
    );
    open();
    expect((await moved).result).toBe('updated');
    expect((await rebuilt).isComplete).toBe(true);
  });
  await expectDerived();
});

test('a rebuild removes the rows of documents that were deleted without the projection', async () => {
  const {
    documents: [gone],
  } = await client.listDocuments(model.findEndpoint('sample/enrollments')!, {
    limit: 1,
    offset: 0,
  });
  await changeProjections(operator, []);
  await withWriter([], async () => {
    await write('delete', 'enrollments', null, gone!.documentId);
    await write('upsert', 'enrollments', enrolled(999_999, 1));
  });
  await changeProjections(operator, projections);
  for (const projection of projections) {
    const { removed } = await rebuild(projection, { sliceDocumentsMax: 10 });
    expect(removed).toBe(projection === hierarchy ? 0 : 1);
  }
  await expectDerived();
});

test('a rebuild takes fewer documents at a time when the memory of the server does not suffice', async () => {
  let failures = 0;
  const large: Projection = {
    ...enrollment,
    async apply(changes, transaction) {
      if (changes.updated.length > 8) {
        failures += 1;
        await transaction.query(`do $$ begin raise exception 'no memory' using errcode = '53200'; end $$`);
      }
      await enrollment.apply(changes, transaction);
    },
  };
  expect((await rebuild(large, { sliceDocumentsMax: 16 })).isComplete).toBe(true);
  expect(failures).toBeGreaterThan(0);
  await expectDerived();
});

test('a rebuild names the document that its projection fails for, and resumes there once it is repaired', async () => {
  const [bad] = await execute(
    database.url,
    `select document_id as id from sluice.document where resource = 'sample/enrollments' order by 1 offset 7 limit 1`,
  );
  await execute(
    database.url,
    `delete from app.enrollment;
     alter table app.enrollment add constraint not_this_one check (document_id <> '${bad!['id'] as string}')`,
  );
  await expect(rebuild(enrollment)).rejects.toMatchObject({
    code: 'projection_refused',
    message:
      `Cannot rebuild the projection enrollment because it fails for the document ${bad!['id'] as string} of ` +
      'sample/enrollments (23514, not_this_one of enrollment): repair it or the document, then run the rebuild again, which resumes there',
  });
  expect(await execute(database.url, 'select count(*)::integer as rows from app.enrollment')).toEqual([
    { rows: 7 },
  ]);
  await execute(database.url, 'alter table app.enrollment drop constraint not_this_one');
  expect((await rebuild(enrollment)).isComplete).toBe(true);
  await expectDerived();
});

test(
  'the command line agrees, lists and rebuilds, and an interrupted or killed rebuild resumes',
  { timeout: 60_000 },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-projections-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const modelFile = join(folder, 'model.json');
    await writeFile(modelFile, modelText);
    const settings = {
      DATABASE_URL: database.writerUrl,
      SLUICE_MODEL: modelFile,
      SLUICE_PROJECTION: modulePath,
    };
    const started = (args: string[]) => startSluice(['projections', ...args], settings);

    const agreed = await started(['agree']).ended;
    expect(agreed).toMatchObject({
      code: 0,
      stderr: '',
      last: { projections: [{ name: 'enrollment', version: 1 }] },
    });
    expect(Object.keys(await states())).toEqual(['enrollment']);

    // A document in the middle is locked by somebody else: what is done before it is kept.
    const [count] = await execute(
      database.url,
      `select count(*)::integer as documents from sluice.document where resource = 'sample/enrollments'`,
    );
    const documents = count!['documents'] as number;
    const holder = await openConnection(database.url);
    await holder.query(
      `begin; select 1 from sluice.document where document_id = (
       select document_id from sluice.document where resource = 'sample/enrollments'
       order by document_id offset ${documents >> 1} limit 1) for update`,
    );
    const done = async (): Promise<number> => (await listProjections(operator))[0]!.rebuiltDocuments;
    const untilHalfDone = () =>
      eventually(async () => expect(await done()).toBe(documents >> 1), { timeoutMs: 30_000 });
    const args = ['rebuild', 'enrollment', '--slice-documents-max', '1'];
    const first = started(args);
    await untilHalfDone();
    first.kill('SIGKILL');
    await first.ended;
    const waiting = (): Promise<unknown[]> =>
      execute(
        database.url,
        `select 1 from pg_stat_activity where application_name = 'sluice rebuild' and wait_event_type = 'Lock'`,
      );
    await eventually(async () => expect(await waiting()).toEqual([]));
    const second = started(args);
    await eventually(async () => expect(await waiting()).toHaveLength(1));
    expect(await done()).toBe(documents >> 1);
    second.kill('SIGINT');
    await holder.query('rollback');
    const { code, stderr, last } = await second.ended;
    expect({ code, stderr }).toEqual({ code: 130, stderr: '' });
    expect(last).toMatchObject({ isComplete: false });
    expect(await states()).toEqual({ enrollment: 'rebuilding' });
    expect(await started(args).ended).toMatchObject({
      code: 0,
      last: { isComplete: true, documents, total: documents },
    });
    expect((await readSluice(['projections'], settings)).text).toMatch(/^enrollment +1 +complete, rebuilt /m);
  },
);

test('docs/projections.md shows the module that these tests run', () => {
  const [page, module] = ['../../docs/projections.md', modulePath].map((path) =>
    readFileSync(resolve(import.meta.dirname, path), 'utf8'),
  );
  expect(page).toContain(`\`\`\`js\n${module}\`\`\``);
});
