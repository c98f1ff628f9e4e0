// The two projections that come with Sluice, and what a projection of one's own may rely on, on a real PostgreSQL.

import { defineProjection, type Projection } from 'sluice/internal/batch';
import { createClient, type SluiceClient } from 'sluice/internal/client';
import { organizationHierarchy, readModel, studentSchoolAuthorization } from '@sluice/edfi';
import { parseModel, type Model } from 'sluice/model';
import { SluiceError, type Outcome } from 'sluice/internal/protocol';
import { createWriter } from 'sluice/internal/writer';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { patient } from '../support/patient.ts';
import { execute } from '../support/postgres.ts';

const upward = (name: string, member: string, id: string) => ({
  resource: name,
  paths: [{ identity: `$.${id}`, path: `$.${member}.${id}` }],
});
const model = parseModel({
  project: 'Sample',
  resources: [
    { name: 'Agency', endpoint: 'sample/agencies', identity: ['$.agencyId'], allowIdentityUpdates: true },
    {
      name: 'District',
      endpoint: 'sample/districts',
      identity: ['$.districtId'],
      references: [upward('Agency', 'agencyReference', 'agencyId')],
    },
    {
      name: 'School',
      endpoint: 'sample/schools',
      identity: ['$.schoolId'],
      references: [upward('District', 'districtReference', 'districtId')],
    },
    {
      name: 'Enrollment',
      endpoint: 'sample/enrollments',
      identity: ['$.studentId', '$.schoolReference.schoolId', '$.entryDate'],
      references: [upward('School', 'schoolReference', 'schoolId')],
      allowIdentityUpdates: true,
    },
  ],
});

const hierarchy = organizationHierarchy([
  { endpoint: 'sample/agencies', id: ['agencyId'], parents: [] },
  { endpoint: 'sample/districts', id: ['districtId'], parents: [['agencyReference', 'agencyId']] },
  { endpoint: 'sample/schools', id: ['schoolId'], parents: [['districtReference', 'districtId']] },
]);
const authorization = studentSchoolAuthorization({
  endpoint: 'sample/enrollments',
  student: ['studentId'],
  school: ['schoolReference', 'schoolId'],
});
const calls: string[][] = [];
/** One of the user's own: it keeps nothing, refuses what is marked and fails on what is broken. */
const watcher: Projection = defineProjection({
  name: 'watcher',
  resources: ['sample/enrollments'],
  async apply({ created, updated, deleted }, transaction) {
    const ids = [...created, ...updated].map(({ documentId }) => documentId);
    const rows = await transaction.query(
      `select body ->> 'mark' as mark from sluice.document where document_id = any($1::uuid[])`,
      [ids],
    );
    const marks = rows.map((row) => row['mark'] as string | null);
    calls.push([
      ...created.map(() => 'created'),
      ...updated.map(() => 'updated'),
      ...deleted.map(() => 'deleted'),
    ]);
    if (marks.includes('refuse')) throw new SluiceError('projection_refused');
    if (marks.includes('break')) await transaction.query('select 1 / 0');
  },
});

/** A node and a writer with these projections; documents are posted as they come. */
function world(database: ReturnType<typeof useDatabase>, of: Model, projections: readonly Projection[]) {
  let client: SluiceClient;
  let stop: () => Promise<void>;
  beforeAll(async () => {
    client = createClient({ ...patient, url: database.apiUrl, model: of });
    const writer = createWriter({ url: database.writerUrl, model: of, projections });
    await Promise.all([client.start(), writer.start()]);
    stop = async () => {
      await client.stop();
      await writer.stop();
    };
  });
  afterAll(() => stop());
  const resource = (endpoint: string) => of.findEndpoint(endpoint)!;
  return {
    post: (endpoint: string, document: object | string): Promise<Outcome> =>
      client.submit({
        operation: 'upsert',
        resource: resource(endpoint),
        body: typeof document === 'string' ? document : JSON.stringify(document),
      }),
    put: (endpoint: string, documentId: string | null, document: object): Promise<Outcome> =>
      client.submit({
        operation: 'update',
        resource: resource(endpoint),
        documentId: documentId ?? '',
        body: JSON.stringify(document),
      }),
    remove: (endpoint: string, documentId: string | null): Promise<Outcome> =>
      client.submit({
        operation: 'delete',
        resource: resource(endpoint),
        documentId: documentId ?? '',
        body: null,
      }),
  };
}

describe('the organization hierarchy', () => {
  const database = useDatabase();
  const { post, put, remove } = world(database, model, [hierarchy]);
  const ancestors = async (id: number): Promise<unknown> => {
    const [row] = await execute(
      database.url,
      `select ancestor_ids::int[] as ids from sluice.organization where organization_id = ${id}`,
    );
    return row?.['ids'];
  };

  test('the organization hierarchy lists every ancestor and itself, also when all come in one batch', async () => {
    await Promise.all([
      post('sample/agencies', { agencyId: 1 }),
      post('sample/districts', { districtId: 10, agencyReference: { agencyId: 1 } }),
      post('sample/schools', { schoolId: 100, districtReference: { districtId: 10 } }),
    ]);
    expect(await ancestors(100)).toEqual([1, 10, 100]);
    expect(await ancestors(1)).toEqual([1]);
  });

  test('the organization hierarchy follows a parent that comes later', async () => {
    const district = await post('sample/districts', { districtId: 20 });
    await post('sample/schools', { schoolId: 200, districtReference: { districtId: 20 } });
    expect(await ancestors(200)).toEqual([20, 200]);
    await put('sample/districts', district.documentId, { districtId: 20, agencyReference: { agencyId: 1 } });
    expect(await ancestors(200)).toEqual([1, 20, 200]);
  });

  test('the organization hierarchy reads ids as identities do, however a number is spelled', async () => {
    await post('sample/districts', '{"districtId": 5.0e2, "agencyReference": {"agencyId": 1.0}}');
    const school = await post(
      'sample/schools',
      '{"schoolId": 500100.0, "districtReference": {"districtId": 500.00}}',
    );
    expect(school.result).toBe('created');
    expect(await ancestors(500100)).toEqual([1, 500, 500100]);
  });

  test('the organization hierarchy follows a parent that moves', async () => {
    await post('sample/agencies', { agencyId: 2 });
    await post('sample/districts', { districtId: 10, agencyReference: { agencyId: 2 } });
    expect(await ancestors(100)).toEqual([2, 10, 100]);
  });

  test('the organization hierarchy follows a parent that changes its id', async () => {
    const agency = await post('sample/agencies', { agencyId: 3 });
    await post('sample/districts', { districtId: 30, agencyReference: { agencyId: 3 } });
    await post('sample/schools', { schoolId: 300, districtReference: { districtId: 30 } });
    await put('sample/agencies', agency.documentId, { agencyId: 33 });
    expect(await ancestors(300)).toEqual([30, 33, 300]);
  });

  test('a projection deletes the rows of a deleted document', async () => {
    const agency = await post('sample/agencies', { agencyId: 4 });
    await remove('sample/agencies', agency.documentId);
    expect(await ancestors(4)).toBeUndefined();
  });
});

describe('the student–school authorization', () => {
  const database = useDatabase();
  const { post, put, remove } = world(database, model, [hierarchy, authorization, watcher]);
  const enrollment = (studentId: string, schoolId: number, entryDate: string, mark?: string) => ({
    studentId,
    schoolReference: { schoolId },
    entryDate,
    ...(mark === undefined ? {} : { mark }),
  });
  const schools = (studentId: string) =>
    execute(
      database.url,
      `select school_id::int, associations from sluice.student_school_authorization
       where student_id = '${studentId}' order by school_id`,
    );
  beforeAll(async () => {
    await post('sample/districts', { districtId: 10 });
    for (const schoolId of [1, 2])
      await post('sample/schools', { schoolId, districtReference: { districtId: 10 } });
  });

  test('the student–school authorization adds up the associations of one student, many in one batch', async () => {
    await Promise.all([
      post('sample/enrollments', enrollment('a', 1, '2025-08-01')),
      post('sample/enrollments', enrollment('a', 1, '2026-08-01')),
      post('sample/enrollments', enrollment('a', 2, '2026-08-01')),
    ]);
    expect(await schools('a')).toEqual([
      { school_id: 1, associations: 2 },
      { school_id: 2, associations: 1 },
    ]);
    expect(
      await execute(
        database.url,
        `select organization_id::int as id from sluice.student_organization where student_id = 'a' order by id`,
      ),
    ).toEqual([{ id: 1 }, { id: 2 }, { id: 10 }]);
  });

  test('the student–school authorization moves with an association that changes, and ends with its last', async () => {
    const one = await post('sample/enrollments', enrollment('b', 1, '2025-08-01'));
    await put('sample/enrollments', one.documentId, enrollment('b', 2, '2025-08-01'));
    expect(await schools('b')).toEqual([{ school_id: 2, associations: 1 }]);
    await remove('sample/enrollments', one.documentId);
    expect(await schools('b')).toEqual([]);
  });

  test('a projection is called once per batch with the created, updated and deleted documents', () => {
    expect(calls.some((call) => call.length > 1)).toBe(true);
    expect(calls.flat()).toEqual(expect.arrayContaining(['created', 'updated', 'deleted']));
  });

  test('a write that a projection refuses or fails on fails alone, and the others are applied', async () => {
    const outcomes = await Promise.all([
      post('sample/enrollments', enrollment('c', 1, '2025-08-01')),
      post('sample/enrollments', enrollment('c', 2, '2025-08-01', 'refuse')),
      post('sample/enrollments', enrollment('c', 1, '2025-08-02', 'break')),
      post('sample/enrollments', enrollment('c', 1, '2025-08-03')),
    ]);
    expect(outcomes.map(({ result, code }) => code ?? result)).toEqual([
      'created',
      'projection_refused',
      'dead_letter',
      'created',
    ]);
    expect(await schools('c')).toEqual([{ school_id: 1, associations: 2 }]);
    expect(await execute(database.url, 'select error from sluice.dead_letter')).toEqual([
      { error: { code: '22012', constraint: null, table: null } },
    ]);
  });
});

const edfi = resolve(process.env['SLUICE_EDFI_DIR'] ?? resolve(import.meta.dirname, '../../../shared/edfi'));
const hasEdfi = existsSync(edfi);
if (!hasEdfi) console.warn('Skipped: projections of real documents, as the Ed-Fi data is not there');

interface Association {
  studentReference: { studentUniqueId: string };
  schoolReference: { schoolId: number };
}

describe.skipIf(!hasEdfi)('the projections of the Ed-Fi sample', () => {
  const database = useDatabase();

  test('the projections of the Ed-Fi sample agree with its documents', async () => {
    const real = await readModel(`${edfi}/ApiSchema.json`);
    const projections = [organizationHierarchy(), studentSchoolAuthorization()];
    const client = createClient({ url: database.apiUrl, model: real, ...patient });
    const writer = createWriter({ url: database.writerUrl, model: real, projections });
    await Promise.all([client.start(), writer.start()]);
    const wanted =
      /-(descriptors|schoolYearTypes|\w*(Organizations|Agencies|Centers|Institutions|Providers)|organizationDepartments|people|students|schools|studentSchoolAssociations)\.ndjson$/;
    const files = readdirSync(`${edfi}/documents`)
      .filter((file) => wanted.test(file))
      .sort();
    const pairs = new Set<string>();
    for (const file of files) {
      const lines = readFileSync(`${edfi}/documents/${file}`, 'utf8').split('\n').filter(Boolean);
      const outcomes = await Promise.all(
        lines.map((line) => {
          const { endpoint, document } = JSON.parse(line) as { endpoint: string; document: object };
          if (endpoint === '/ed-fi/studentSchoolAssociations') {
            const { studentReference, schoolReference } = document as Association;
            pairs.add(`${studentReference.studentUniqueId} ${schoolReference.schoolId}`);
          }
          const resource = real.findEndpoint(endpoint)!;
          return client.submit({ operation: 'upsert', resource, body: JSON.stringify(document) });
        }),
      );
      expect(outcomes.filter(({ result }) => result !== 'created')).toEqual([]);
    }
    await client.stop();
    await writer.stop();
    const authorized = await execute(
      database.url,
      'select student_id, school_id::text from sluice.student_school_authorization',
    );
    expect(
      new Set(authorized.map((row) => `${String(row['student_id'])} ${String(row['school_id'])}`)),
    ).toEqual(pairs);
    const orphans = await execute(
      database.url,
      `select organization_id from sluice.organization
       where not organization_id = any(ancestor_ids) or not parent_ids <@ ancestor_ids`,
    );
    expect(orphans).toEqual([]);
    const schools = await execute(
      database.url,
      `select count(*)::int as schools from sluice.organization
       where resource = 'ed-fi/schools' and cardinality(ancestor_ids) >= 3`,
    );
    // School, district, service center.
    expect(schools).toEqual([{ schools: 3 }]);
  });
});
