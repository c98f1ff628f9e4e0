// A change of identity and all that follows from it, on a real PostgreSQL, in every mode.

import { createClient, type SluiceClient } from 'sluice/internal/client';
import { parseModel } from 'sluice/model';
import { type Mode, type Outcome } from 'sluice/internal/protocol';
import { createWriter } from 'sluice/internal/writer';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { modes } from '../support/breadth.ts';
import { useDatabase } from '../support/database.ts';
import { execute, nodeUrl } from '../support/postgres.ts';

const school = { identity: '$.schoolId', path: '$.schoolReference.schoolId' };
const model = parseModel({
  project: 'Sample',
  abstracts: [{ name: 'Organization', identity: ['$.organizationId'] }],
  resources: [
    {
      name: 'School',
      endpoint: 'sample/schools',
      identity: ['$.schoolId'],
      superclass: { resource: 'Organization', identityPath: '$.organizationId' },
      allowIdentityUpdates: true,
    },
    {
      name: 'Period',
      endpoint: 'sample/periods',
      identity: ['$.periodName', '$.schoolReference.schoolId'],
      references: [{ resource: 'School', paths: [school] }],
      allowIdentityUpdates: true,
    },
    {
      name: 'Section',
      endpoint: 'sample/sections',
      identity: ['$.sectionId'],
      references: [
        {
          resource: 'Period',
          paths: [
            { identity: '$.periodName', path: '$.periods[*].periodReference.periodName' },
            { identity: '$.schoolReference.schoolId', path: '$.periods[*].periodReference.schoolId' },
          ],
        },
        {
          resource: 'Organization',
          paths: [{ identity: '$.organizationId', path: '$.ownerReference.organizationId' }],
        },
      ],
    },
    { name: 'Fixed', endpoint: 'sample/fixed', identity: ['$.fixedId'] },
  ],
});

describe.each(modes.map((mode) => [mode]))('a change of identity in %s mode', (mode: Mode) => {
  const database = useDatabase();
  let client: SluiceClient;
  let stop: () => Promise<void>;

  beforeAll(async () => {
    client = createClient({ url: nodeUrl(database.url, { mode }), model, mode, cascadeDocumentsMax: 3 });
    const writer = createWriter({ url: database.writerUrl, model, cascadeDocumentsMax: 3 });
    await Promise.all([client.start(), writer.start()]);
    stop = async () => {
      await client.stop();
      await writer.stop();
    };
  });
  afterAll(() => stop());

  const resource = (endpoint: string) => model.findEndpoint(`sample/${endpoint}`)!;
  const post = (endpoint: string, document: object): Promise<Outcome> =>
    client.submit({ operation: 'upsert', resource: resource(endpoint), body: JSON.stringify(document) });
  const put = (endpoint: string, documentId: string, document: object, ifMatch?: string): Promise<Outcome> =>
    client.submit({
      operation: 'update',
      resource: resource(endpoint),
      documentId,
      body: JSON.stringify(document),
      ...(ifMatch === undefined ? {} : { ifMatch }),
    });
  const read = async (endpoint: string, id: string | null): Promise<unknown> =>
    JSON.parse((await client.readDocument(resource(endpoint), id ?? ''))?.body ?? 'null');
  const period = (periodName: string, schoolId: number) => ({ periodName, schoolReference: { schoolId } });

  test('a change of identity is carried into every body that spells it, transitively', async () => {
    const s = await post('schools', { schoolId: 1, name: 'One' });
    const p = await post('periods', { ...period('P1', 1), exact: 12.5 });
    const x = await post('sections', {
      sectionId: 'X',
      periods: [{ periodReference: { periodName: 'P1', schoolId: 1 } }],
      ownerReference: { organizationId: 1 },
    });
    expect(await put('schools', s.documentId ?? '', { schoolId: 2, name: 'One' })).toMatchObject({
      result: 'updated',
      version: 2,
    });

    expect(await read('periods', p.documentId)).toEqual({ ...period('P1', 2), exact: 12.5 });
    expect(await read('sections', x.documentId)).toEqual({
      sectionId: 'X',
      periods: [{ periodReference: { periodName: 'P1', schoolId: 2 } }],
      ownerReference: { organizationId: 2 },
    });
    // The identities moved along: the new ones are known, the old ones are free.
    expect(await post('periods', { ...period('P1', 2), exact: 12.5 })).toMatchObject({
      result: 'unchanged',
      documentId: p.documentId,
    });
    expect(await post('periods', period('P1', 1))).toMatchObject({ code: 'unresolved_reference' });
    expect(await post('schools', { schoolId: 1, name: 'Another' })).toMatchObject({ result: 'created' });
  });

  test('a change of identity is refused where it or a following one is taken', async () => {
    const s = await post('schools', { schoolId: 10 });
    await post('schools', { schoolId: 11 });
    expect(await put('schools', s.documentId ?? '', { schoolId: 11 })).toMatchObject({
      code: 'identity_conflict',
    });
  });

  test('a change of identity is refused where the resource does not allow it', async () => {
    const fixed = await post('fixed', { fixedId: 1 });
    expect(await put('fixed', fixed.documentId ?? '', { fixedId: 2 })).toMatchObject({
      code: 'immutable_identity',
    });
  });

  test('a change of identity that reaches too many documents is refused, and changes nothing', async () => {
    const s = await post('schools', { schoolId: 20 });
    const [first] = await Promise.all(['A', 'B', 'C', 'D'].map((name) => post('periods', period(name, 20))));
    expect(await put('schools', s.documentId ?? '', { schoolId: 21 })).toMatchObject({
      result: 'refused',
      code: 'cascade_too_large',
    });
    expect(await read('periods', first?.documentId ?? null)).toEqual(period('A', 20));
  });

  test('a change of identity beside updates of its document is applied once for one version', async () => {
    const s = await post('schools', { schoolId: 30, name: 'old' });
    const outcomes = await Promise.all([
      put('schools', s.documentId ?? '', { schoolId: 31, name: 'old' }, s.contentHash ?? ''),
      put('schools', s.documentId ?? '', { schoolId: 30, name: 'new' }, s.contentHash ?? ''),
    ]);
    expect(outcomes.map(({ result }) => result).sort()).toEqual(['refused', 'updated']);
    expect(outcomes.find(({ result }) => result === 'refused')?.code).toBe('precondition_failed');
  });

  test('a change of identity and a write of a document that follows it are both applied', async () => {
    const s = await post('schools', { schoolId: 40 });
    const p = await post('periods', period('P', 40));
    const outcomes = await Promise.all([
      put('schools', s.documentId ?? '', { schoolId: 41 }),
      put('periods', p.documentId ?? '', { ...period('P', 40), note: 'written' }),
    ]);
    expect(outcomes[0]?.result).toBe('updated');
    // Either the update came first and was carried along, or its reference was gone when its turn came.
    const cameFirst = outcomes[1]?.result === 'updated';
    expect({ code: outcomes[1]?.code, stored: await read('periods', p.documentId) }).toEqual(
      cameFirst
        ? { code: null, stored: { ...period('P', 41), note: 'written' } }
        : { code: 'unresolved_reference', stored: period('P', 41) },
    );
  });

  test('a change of identity leaves no dangling reference and no alias without its document', async () => {
    const rows = await execute(
      database.url,
      `select count(*)::int as wrong from sluice.document d
       where not exists (select from sluice.alias a where a.referential_id = d.referential_id and a.document_id = d.document_id)
          or (select count(*) from sluice.alias a where a.document_id = d.document_id)
             <> case when d.superclass_id is null then 1 else 2 end`,
    );
    expect(rows).toEqual([{ wrong: 0 }]);
  });
});
