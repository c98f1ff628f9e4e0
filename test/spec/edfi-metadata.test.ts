// Given a node that speaks Ed-Fi: what it says of itself, where it lives, and with which schemas.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApi } from '@sluice/server/api';
import { createClient } from 'sluice/internal/client';
import { readModel } from '@sluice/edfi';
import { profile } from '@sluice/edfi/profile';
import { contentHash, idOfIdentity, parseModel, type Model } from 'sluice/model';
import { describe, expect, test } from 'vitest';
import { modes } from '../support/breadth.ts';
import { isEdFiAbsent, schemaFile, useEdFi, type Body } from '../support/edfi.ts';
import { sql } from '../support/sql.ts';

interface Step {
  resource: string;
  order: number;
  operations: string[];
}
type Specification = Record<'paths' | 'components', Record<string, Body>> & { servers: { url: string }[] };

describe.skipIf(isEdFiAbsent)('what an Ed-Fi node says of itself', () => {
  const edfi = useEdFi('direct', { api: { basePath: '/api' } });

  test('the discovery document of an Ed-Fi node has version, models and URLs', async () => {
    for (const url of ['/api', '/api/']) {
      const answer = await edfi.get(url);
      expect(answer.status).toBe(200);
      expect(answer.body).toEqual({
        version: expect.any(String),
        applicationName: 'Sluice',
        informationalVersion: expect.any(String),
        dataModels: [
          { name: 'Ed-Fi', version: '5.1.0', informationalVersion: 'The Ed-Fi Data Standard v5.1' },
        ],
        urls: {
          dependencies: 'http://localhost:80/api/metadata/dependencies',
          openApiMetadata: 'http://localhost:80/api/metadata/specifications',
          dataManagementApi: 'http://localhost:80/api/data',
        },
      });
    }
  });

  test('each URL of the discovery document exists', async () => {
    const { body } = await edfi.get('/api/');
    const { dependencies, openApiMetadata } = body['urls'] as Record<string, string>;
    expect((await edfi.get(dependencies!)).status).toBe(200);
    expect((await edfi.get(openApiMetadata!)).status).toBe(200);
  });

  test('/metadata links to the order of loading and the specifications', async () => {
    const { body } = await edfi.get('/api/metadata');
    expect(body).toEqual({
      dependencies: 'http://localhost:80/api/metadata/dependencies',
      specifications: 'http://localhost:80/api/metadata/specifications',
    });
  });

  test('in the order of loading, each resource comes after all that it refers to', async () => {
    const steps = (await edfi.get('/api/metadata/dependencies')).body as unknown as Step[];
    expect(steps[0]).toEqual({ resource: expect.any(String), order: 1, operations: ['Create', 'Update'] });
    const orderOf = new Map(steps.map(({ resource, order }) => [resource, order]));
    expect(orderOf.size).toBe(edfi.model.resources.length - 1);
    expect(orderOf.has('/ed-fi/schoolYearTypes')).toBe(false);
    const early: string[] = [];
    for (const resource of edfi.model.resources) {
      for (const { project, name } of resource.references) {
        const target = edfi.model.findResource(project, name);
        const [own, other] = [orderOf.get(`/${resource.endpoint}`), orderOf.get(`/${target?.endpoint}`)];
        if (own !== undefined && other !== undefined && target !== resource && own <= other)
          early.push(`${resource.name} before ${name}`);
      }
    }
    expect(early).toEqual([]);
    const order = (name: string): number => orderOf.get(`/ed-fi/${name}`) ?? 0;
    expect(order('gradeLevelDescriptors')).toBe(1);
    expect(order('localEducationAgencies')).toBeLessThan(order('schools'));
    expect(order('schools')).toBeLessThan(order('programs'));
    expect(order('sessions')).toBeLessThan(order('sections'));
  });

  test('the list of specifications has resources and descriptors', async () => {
    const sections = (await edfi.get('/api/metadata/specifications')).body as unknown as Body[];
    expect(sections).toEqual([
      {
        name: 'Resources',
        endpointUri: 'http://localhost:80/api/metadata/specifications/resources-spec.json',
        prefix: '',
      },
      {
        name: 'Descriptors',
        endpointUri: 'http://localhost:80/api/metadata/specifications/descriptors-spec.json',
        prefix: '',
      },
    ]);
  });

  test('the specification of resources has each resource with its schema and its query fields', async () => {
    const answer = await edfi.get('/api/metadata/specifications/resources-spec.json');
    const { paths, components, servers } = answer.body as unknown as Specification;
    expect(servers).toEqual([{ url: 'http://localhost:80/api/data' }]);
    expect(Object.keys(paths)).toHaveLength(2 * 131);
    expect(Object.keys(paths['/ed-fi/schools'] ?? {})).toEqual(['get', 'post']);
    expect(Object.keys(paths['/ed-fi/schools/{id}'] ?? {})).toEqual(['get', 'put', 'delete']);
    expect(components['schemas']?.['EdFi_School']).toMatchObject({
      required: expect.arrayContaining(['schoolId', 'nameOfInstitution']),
    });
    const { parameters } = (paths['/ed-fi/classPeriods'] as { get: { parameters: Body[] } }).get;
    expect(parameters).toContainEqual({ name: 'schoolId', in: 'query', schema: { type: 'number' } });
  });

  test('the specification of descriptors has all descriptors and nothing else', async () => {
    const answer = await edfi.get('/api/metadata/specifications/descriptors-spec.json');
    const { paths } = answer.body as unknown as Specification;
    expect(Object.keys(paths)).toHaveLength(2 * 209);
    expect(Object.keys(paths).every((path) => /Descriptors(\/\{id\})?$/.test(path))).toBe(true);
  });

  test('an unknown specification is answered 404', async () => {
    expect((await edfi.get('/api/metadata/specifications/other-spec.json')).status).toBe(404);
  });

  test('a document that is posted below the path base gets a location below it', async () => {
    const answer = await edfi.post('students', edfi.student());
    expect(answer.headers['location']).toMatch(/^http:\/\/localhost:80\/api\/data\/ed-fi\/students\//);
    expect((await edfi.get(answer.headers['location'] as string)).status).toBe(200);
  });

  test('a POST outside of the path base is answered 404', async () => {
    expect((await edfi.post('/data/ed-fi/students', edfi.student())).status).toBe(404);
  });
});

/** A small extension: a resource of its own that refers into the core, and additions to one of the core. */
const extension = {
  apiSchemaVersion: '1.0.0',
  projectSchema: {
    projectName: 'Sample',
    projectEndpointName: 'sample',
    projectVersion: '1.2.0',
    description: 'A sample extension',
    isExtensionProject: true,
    abstractResources: {},
    resourceSchemas: {
      buses: {
        resourceName: 'Bus',
        isDescriptor: false,
        allowIdentityUpdates: true,
        identityJsonPaths: ['$.busId'],
        documentPathsMapping: {
          BusId: { isReference: false, path: '$.busId', type: 'string' },
          School: {
            isReference: true,
            isDescriptor: false,
            projectName: 'Ed-Fi',
            resourceName: 'School',
            referenceJsonPaths: [
              {
                identityJsonPath: '$.schoolId',
                referenceJsonPath: '$.schoolReference.schoolId',
                type: 'number',
              },
            ],
          },
        },
        numericJsonPaths: ['$.seats', '$.schoolReference.schoolId', '$.fare'],
        decimalPropertyValidationInfos: [{ path: '$.fare', totalDigits: 5, decimalPlaces: 2 }],
        arrayUniquenessConstraints: [['$.stops[*].street']],
        queryFieldMapping: { busId: [{ path: '$.busId', type: 'string' }] },
        jsonSchemaForInsert: {
          type: 'object',
          additionalProperties: false,
          required: ['busId'],
          properties: {
            busId: { type: 'string', maxLength: 10 },
            seats: { type: 'integer', minimum: 1 },
            fare: { type: 'number' },
            stops: {
              type: 'array',
              items: {
                type: 'object',
                required: ['street', 'minute'],
                properties: { street: { type: 'string' }, minute: { type: 'integer' } },
              },
            },
            schoolReference: {
              type: 'object',
              required: ['schoolId'],
              properties: { schoolId: { type: 'integer' } },
            },
          },
        },
      },
      students: {
        resourceName: 'Student',
        isDescriptor: false,
        isResourceExtension: true,
        identityJsonPaths: [],
        documentPathsMapping: {
          Bus: {
            isReference: true,
            isDescriptor: false,
            projectName: 'Sample',
            resourceName: 'Bus',
            referenceJsonPaths: [
              {
                identityJsonPath: '$.busId',
                referenceJsonPath: '$._ext.sample.busReference.busId',
                type: 'string',
              },
            ],
          },
        },
        booleanJsonPaths: ['$._ext.sample.ridesTwice'],
        jsonSchemaForInsert: {
          type: 'object',
          properties: {
            _ext: {
              type: 'object',
              additionalProperties: false,
              properties: {
                sample: {
                  type: 'object',
                  additionalProperties: false,
                  properties: {
                    ridesTwice: { type: 'boolean' },
                    busReference: {
                      type: 'object',
                      required: ['busId'],
                      properties: { busId: { type: 'string' } },
                    },
                  },
                },
              },
            },
          },
        },
      },
    },
  },
};

async function extendedModel(): Promise<Model> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-extension-'));
  try {
    const file = join(folder, 'ApiSchema-Sample.json');
    await writeFile(file, JSON.stringify(extension));
    return await readModel([schemaFile, file]);
  } finally {
    await rm(folder, { recursive: true });
  }
}

describe.skipIf(isEdFiAbsent).each(modes)('an Ed-Fi core with an extension in %s mode', (mode) => {
  const edfi = useEdFi(mode, { model: extendedModel });
  const bus = (body: Body) => edfi.post('/data/sample/buses', body);

  test('a document of an extension may refer to a document of the core', async () => {
    const { schoolId } = await edfi.newSchool();
    expect((await bus({ busId: 'A', seats: '40', schoolReference: { schoolId } })).status).toBe(201);
    const lost = await bus({ busId: 'B', schoolReference: { schoolId: 424242 } });
    expect(lost.body).toMatchObject({ status: 409, detail: 'The referenced School item(s) do not exist.' });
  });

  test('a document of an extension that does not fit its schema is answered 400 with the path', async () => {
    const answer = await bus({ busId: 'C', seats: 0 });
    expect(answer.body).toMatchObject({ validationErrors: { '$.seats': ['seats 0 should be at least 1'] } });
  });

  test.each([1000, -1000, 999.995])(
    'the decimal %d, beyond its digits, is answered 400 with the bounds',
    async (fare) => {
      const answer = await bus({ busId: 'D', fare });
      expect(answer.body).toMatchObject({
        validationErrors: { '$.fare': ['fare must be between -999.99 and 999.99.'] },
      });
    },
  );

  test('a decimal at its bound is taken', async () => {
    expect((await bus({ busId: 'E', fare: '999.99' })).status).toBe(201);
  });

  test('only the members that the schema names identify the elements of an array', async () => {
    const stops = [
      { street: 'Main', minute: 1 },
      { street: 'Main', minute: 2 },
    ];
    expect((await bus({ busId: 'F', stops })).body).toMatchObject({
      validationErrors: {
        '$.stops': [
          'The 2nd item of the stops has the same identifying values as another item earlier in the list.',
        ],
      },
    });
  });

  test('the extension of a core document is kept, converted and referred to', async () => {
    const posted = await bus({ busId: 'G' });
    const student = edfi.student({ _ext: { sample: { ridesTwice: 'true', busReference: { busId: 'G' } } } });
    const location = await edfi.create('students', student);
    expect((await edfi.get(location)).body).toMatchObject({
      _ext: { sample: { ridesTwice: true, busReference: { busId: 'G' } } },
    });
    expect((await edfi.remove(posted.headers['location'] as string)).body).toMatchObject({
      detail: expect.stringContaining('existing Student item(s)'),
    });
  });

  test('a missing reference inside of an extension is answered 409 with its resource', async () => {
    const answer = await edfi.post(
      'students',
      edfi.student({ _ext: { sample: { busReference: { busId: 'none' } } } }),
    );
    expect(answer.body).toMatchObject({ status: 409, detail: 'The referenced Bus item(s) do not exist.' });
  });

  test('unknown members of an extension are dropped', async () => {
    const student = edfi.student();
    const location = await edfi.create('students', {
      ...student,
      _ext: { sample: { x: 1 }, other: { y: 1 } },
    });
    expect((await edfi.get(location)).body).toMatchObject({ ...student, _ext: { sample: {} } });
  });

  test('a new identity of an extension document is carried into the core document that refers to it', async () => {
    const posted = await bus({ busId: 'H' });
    const student = await edfi.create(
      'students',
      edfi.student({ _ext: { sample: { busReference: { busId: 'H' } } } }),
    );
    const place = posted.headers['location'] as string;
    expect((await edfi.put(place, { id: posted.id, busId: 'I' })).status).toBe(204);
    expect((await edfi.get(student)).body).toMatchObject({
      _ext: { sample: { busReference: { busId: 'I' } } },
    });
  });

  test('an Ed-Fi node with an extension lists both models', async () => {
    const { body } = await edfi.get('/');
    expect(body['dataModels']).toMatchObject([{ name: 'Ed-Fi' }, { name: 'Sample', version: '1.2.0' }]);
    const steps = (await edfi.get('/metadata/dependencies')).body as unknown as Step[];
    const order = (resource: string): number => steps.find((step) => step.resource === resource)?.order ?? 0;
    expect(order('/sample/buses')).toBeGreaterThan(order('/ed-fi/schools'));
    expect(order('/ed-fi/students')).toBeGreaterThan(order('/sample/buses'));
  });
});

describe.skipIf(isEdFiAbsent).each(['2025', '2026'] as const)(
  'referentialIds of layout %s',
  (referentialIdLayout) => {
    const edfi = useEdFi('direct', { referentialIdLayout });

    test('referentialIds of the layout are stored, and documents are found by them', async () => {
      const { schoolId } = await edfi.newSchool();
      await edfi.create('classPeriods', { classPeriodName: 'First', schoolReference: { schoolId } });
      const answer = await edfi.get(`classPeriods?schoolId=${schoolId}`);
      expect(answer.body).toMatchObject([{ classPeriodName: 'First' }]);
      const resource = edfi.model.findEndpoint('ed-fi/schools')!;
      const rows = await sql(edfi.url, 'select from sluice.document where referential_id = $1', [
        idOfIdentity(resource, [String(schoolId)]),
      ]);
      expect(rows).toHaveLength(1);
    });
  },
);

describe('a node whose model is no Ed-Fi schema', () => {
  const schema = {
    type: 'object',
    required: ['noteId'],
    properties: { noteId: { type: 'integer' }, text: { type: 'string', maxLength: 3 } },
  };
  const model = parseModel({
    project: 'Sample',
    resources: [{ name: 'Note', endpoint: 'sample/notes', identity: ['$.noteId'], schema }],
  });
  const node = useEdFi('direct', { model: async () => model });

  test('without an Ed-Fi schema, members that the schema does not know are kept', async () => {
    const { location } = (await node.post('/data/sample/notes', { noteId: 1, more: null })).headers;
    const { id: _, ...document } = (await node.get(location as string)).body;
    expect(document).toEqual({ noteId: 1, more: null });
  });

  test('without an Ed-Fi schema, a faulty document is answered 400 with each fault and its path', async () => {
    const answer = await node.post('/data/sample/notes', { text: 'long' });
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({
      type: 'urn:sluice:error:invalid_document',
      errors: [
        { path: '$.noteId', message: 'is missing' },
        { path: '$.text', message: 'must NOT have more than 3 characters' },
      ],
    });
  });

  test('a node without an Ed-Fi schema has no discovery document', async () => {
    expect((await node.get('/')).status).toBe(404);
  });

  test('a node without an Ed-Fi schema speaks Ed-Fi if told to', async () => {
    const client = createClient({ url: node.url, model });
    const api = createApi({ client, profile });
    const answer = await api.inject({ method: 'POST', url: '/data/sample/notes', payload: { text: 'x' } });
    expect(answer.json()).toMatchObject({ validationErrors: { '$.noteId': ['noteId is required.'] } });
    await api.close();
  });
});

describe.skipIf(isEdFiAbsent)('the tag of a document', () => {
  const edfi = useEdFi('direct');

  test('the entity tag is the hash of the content without id, tag and date', async () => {
    const student = edfi.student();
    const answer = await edfi.post('students', student);
    expect(answer.headers['etag']).toBe(contentHash(student));
  });
});
