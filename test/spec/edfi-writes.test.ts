// Given a node that speaks Ed-Fi: what a client is told of its writes and reads of single documents.

import { describe, expect, test } from 'vitest';
import { modes } from '../support/breadth.ts';
import { badRequest, invalid, isEdFiAbsent, problem, told, useEdFi } from '../support/edfi.ts';

const nobody = '01998a4e-0000-7000-8000-000000000001';
const notFound = problem(404, 'not-found', 'Not Found', 'The specified data could not be found.');
const staleTag = problem(
  412,
  'optimistic-lock-failed',
  'Optimistic Lock Failed',
  'The item has been modified by another user.',
  {
    errors: [
      "The resource item's etag value does not match what was specified in the 'If-Match' request header indicating that it has been modified by another client since it was last retrieved.",
    ],
  },
);

describe.skipIf(isEdFiAbsent).each(modes)('Ed-Fi documents in %s mode', (mode) => {
  const edfi = useEdFi(mode);

  describe('given no document of an identity', () => {
    test('when it is posted, then 201 tells its place and its tag and has no body', async () => {
      const answer = await edfi.post('students', edfi.student());
      expect([answer.status, answer.text]).toEqual([201, '']);
      expect(answer.headers['location']).toMatch(/^http:\/\/[^/]+\/data\/ed-fi\/students\/[0-9a-f-]{36}$/);
      expect(answer.headers['etag']).toMatch(/^[\w-]+$/);
    });

    test('when its id is read, then 404 has no body', async () => {
      const answer = await edfi.get(`students/${nobody}`);
      expect([answer.status, answer.text]).toEqual([404, '']);
    });

    test('when its id is deleted, then 404 has no body', async () => {
      const answer = await edfi.remove(`students/${nobody}`);
      expect([answer.status, answer.text]).toEqual([404, '']);
    });

    test('when its id is put, then 404 says so', async () => {
      const answer = await edfi.put(`students/${nobody}`, { ...edfi.student(), id: nobody });
      expect(answer.status).toBe(404);
      expect(told(answer)).toEqual(
        problem(404, 'not-found', 'Not Found', 'Resource to update was not found'),
      );
    });

    test('when it is posted without a content type, then it is taken', async () => {
      const response = await edfi.app.inject({
        method: 'POST',
        url: '/data/ed-fi/students',
        payload: Buffer.from(JSON.stringify(edfi.student())),
        headers: { 'content-length': String(JSON.stringify(edfi.student()).length) },
      });
      expect(response.statusCode).toBe(201);
    });

    test('when it is posted as text/json, then it is taken', async () => {
      const answer = await edfi.post('students', edfi.student(), { 'content-type': 'text/json' });
      expect(answer.status).toBe(201);
    });

    test('when it is posted as XML, then 415 says so', async () => {
      const answer = await edfi.post('students', '<student/>', { 'content-type': 'application/xml' });
      expect(answer.status).toBe(415);
      expect(answer.body).toMatchObject({
        type: 'urn:ed-fi:api:unsupported-media-type',
        title: 'Unsupported Media Type',
      });
    });
  });

  describe('given a document', () => {
    const given = async () => {
      const student = edfi.student();
      const created = await edfi.post('students', student);
      const location = created.headers['location'] as string;
      return { student, location, id: created.id, etag: created.headers['etag'] as string };
    };

    test('when it is read, then the body has its id, its tag and its date', async () => {
      const { student, location, id, etag } = await given();
      const answer = await edfi.get(location);
      expect(answer.status).toBe(200);
      expect(answer.headers['content-type']).toMatch(/^application\/json/);
      expect(answer.headers['etag']).toBe(etag);
      expect(answer.body).toEqual({
        ...student,
        id,
        _etag: etag,
        _lastModifiedDate: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      });
    });

    test('when it is read with its own tag in If-None-Match, then 304', async () => {
      const { location, etag } = await given();
      expect((await edfi.get(location, { 'if-none-match': etag })).status).toBe(304);
    });

    test('when its identity is posted again with other values, then 200 tells the same place', async () => {
      const { student, location, etag } = await given();
      const answer = await edfi.post('students', { ...student, firstName: 'Augusta' });
      expect([answer.status, answer.text, answer.headers['location']]).toEqual([200, '', location]);
      expect(answer.headers['etag']).not.toBe(etag);
      expect((await edfi.get(location)).body).toMatchObject({ firstName: 'Augusta' });
    });

    test('when the same content is posted again, then 200, and nothing changes, its date included', async () => {
      const { student, location, etag } = await given();
      const before = await edfi.get(location);
      const answer = await edfi.post('students', student);
      expect([answer.status, answer.headers['etag']]).toEqual([200, etag]);
      expect((await edfi.get(location)).text).toBe(before.text);
    });

    test('when it is posted with a wrong If-Match, then the header is ignored', async () => {
      const { student } = await given();
      expect((await edfi.post('students', student, { 'if-match': 'wrong' })).status).toBe(200);
    });

    test('when what was read is put back, then 204, and nothing changes', async () => {
      const { location, etag } = await given();
      const read = await edfi.get(location);
      const answer = await edfi.put(location, read.body);
      expect([answer.status, answer.text]).toEqual([204, '']);
      expect([answer.headers['location'], answer.headers['etag']]).toEqual([location, etag]);
      expect((await edfi.get(location)).text).toBe(read.text);
    });

    test('when it is put with another value, then 204 tells a new tag', async () => {
      const { student, location, id, etag } = await given();
      const answer = await edfi.put(location, { ...student, id, middleName: 'King' });
      expect(answer.status).toBe(204);
      expect(answer.headers['location']).toBe(location);
      expect(answer.headers['etag']).not.toBe(etag);
      expect((await edfi.get(location)).body).toMatchObject({ middleName: 'King' });
    });

    test('when it is put without a value that it had, then it has it no more', async () => {
      const { student, location, id } = await given();
      await edfi.put(location, { ...student, id, middleName: 'King' });
      await edfi.put(location, { ...student, id });
      expect((await edfi.get(location)).body).not.toHaveProperty('middleName');
    });

    test('when it is put to its id in upper case, then it is found', async () => {
      const { student, id } = await given();
      const answer = await edfi.put(`students/${id.toUpperCase()}`, { ...student, id: id.toUpperCase() });
      expect(answer.status).toBe(204);
    });

    test('when it is put with the id of another, then 400 says so', async () => {
      const { student, location } = await given();
      const answer = await edfi.put(location, { ...student, id: nobody });
      expect(answer.status).toBe(400);
      expect(told(answer)).toEqual(badRequest('Request body id must match the id in the url.'));
    });

    test('when it is put with an id that is none, then 400 says so', async () => {
      const { student, location } = await given();
      expect(told(await edfi.put(location, { ...student, id: 'x' }))).toEqual(
        badRequest('Request body id must match the id in the url.'),
      );
    });

    test('when it is put without an id, then 400 asks for it', async () => {
      const { student, location } = await given();
      expect(told(await edfi.put(location, student))).toEqual(invalid({ '$.id': ['id is required.'] }));
    });

    test('when it is put with an invalid value and a wrong id, then the value is told first', async () => {
      const { student, location } = await given();
      const answer = await edfi.put(location, { ...student, id: nobody, birthDate: 'x' });
      expect(told(answer)).toEqual(
        invalid({ '$.birthDate': ['birthDate Value does not match format "date"'] }),
      );
    });

    test.each([
      ['as it stands', (etag: string) => etag],
      ['in quotes', (etag: string) => `"${etag}"`],
      ['as *', () => '*'],
      ['as a weak tag', (etag: string) => `W/"${etag}"`],
    ])('when it is put with its tag in If-Match %s, then 204', async (_how, spell) => {
      const { student, location, id, etag } = await given();
      const answer = await edfi.put(
        location,
        { ...student, id, middleName: 'K' },
        { 'if-match': spell(etag) },
      );
      expect(answer.status).toBe(204);
    });

    test('when it is put with an If-Match that says nothing, then it is put', async () => {
      const { student, location, id } = await given();
      expect((await edfi.put(location, { ...student, id }, { 'if-match': ' ' })).status).toBe(204);
    });

    test('when it is put with the tag of an older version, then 412, and it stays as it was', async () => {
      const { student, location, id, etag } = await given();
      await edfi.put(location, { ...student, id, middleName: 'First' });
      const answer = await edfi.put(location, { ...student, id, middleName: 'Second' }, { 'if-match': etag });
      expect(answer.status).toBe(412);
      expect(told(answer)).toEqual(staleTag);
      expect((await edfi.get(location)).body).toMatchObject({ middleName: 'First' });
    });

    test('when it is put twice with the tag that the first put gave, then both are taken', async () => {
      const { student, location, id, etag } = await given();
      const first = await edfi.put(location, { ...student, id, middleName: 'A' }, { 'if-match': etag });
      const tag = first.headers['etag'] as string;
      const second = await edfi.put(location, { ...student, id, middleName: 'B' }, { 'if-match': tag });
      expect(second.status).toBe(204);
    });

    test('when it is deleted, then 204 has no body, and it is gone', async () => {
      const { location } = await given();
      const answer = await edfi.remove(location);
      expect([answer.status, answer.text]).toEqual([204, '']);
      expect((await edfi.get(location)).status).toBe(404);
      expect((await edfi.remove(location)).status).toBe(404);
    });

    test('when it is deleted and posted again, then it is created with another id', async () => {
      const { student, location, id } = await given();
      await edfi.remove(location);
      const answer = await edfi.post('students', student);
      expect(answer.status).toBe(201);
      expect(answer.id).not.toBe(id);
    });

    test('when it is deleted with a wrong tag, then 412, and it is still there', async () => {
      const { location } = await given();
      const answer = await edfi.remove(location, { 'if-match': 'wrong' });
      expect(answer.status).toBe(412);
      expect(told(answer)).toEqual(staleTag);
      expect((await edfi.get(location)).status).toBe(200);
    });

    test('when it is deleted with its tag, then 204', async () => {
      const { location, etag } = await given();
      expect((await edfi.remove(location, { 'if-match': etag })).status).toBe(204);
    });

    test('when its id is read of another resource, then 404', async () => {
      const { id } = await given();
      expect((await edfi.get(`schools/${id}`)).status).toBe(404);
    });
  });

  describe('given two documents of the same content at different times', () => {
    test('then their tags are equal whatever the order of members and whatever a client left in', async () => {
      const student = edfi.student();
      const first = await edfi.post('students', student);
      await edfi.remove(first.headers['location'] as string);
      const turned = Object.fromEntries(
        Object.entries({ ...student, _etag: 'x', _lastModifiedDate: 'y' }).toReversed(),
      );
      const second = await edfi.post('students', turned);
      expect(second.status).toBe(201);
      expect(second.headers['etag']).toBe(first.headers['etag']);
    });
  });

  describe('given a body that is no document', () => {
    test.each(['', '  \n'])('when %j is posted, then 400 asks for a body', async (body) => {
      expect(told(await edfi.post('students', body))).toEqual(
        badRequest('A non-empty request body is required.'),
      );
    });

    test('when nothing is put, then 400 asks for a body', async () => {
      expect(told(await edfi.put(`students/${nobody}`, ''))).toEqual(
        badRequest('A non-empty request body is required.'),
      );
    });

    test.each(['{', '{"a": }', 'student', '{"a": 1,}', '{"a": 1} x'])(
      'when %j is posted, then 400 tells under $. that it is not JSON',
      async (body) => {
        const answer = await edfi.post('students', body);
        expect(answer.status).toBe(400);
        expect(told(answer)).toEqual(invalid({ '$.': [expect.any(String) as string] }));
      },
    );

    test('when JSON is misspelled, then 400 tells the line and the column, and nothing that stands there', async () => {
      const answer = await edfi.post('students', '{\n  "firstName": "Ada",\n  "lastSurname": Lovelace\n}');
      expect(told(answer)).toEqual(
        invalid({
          '$.': ['$.lastSurname is not valid JSON: a value is missing or misspelled (line 3, column 18)'],
        }),
      );
    });

    test.each(['[]', '"student"', '7', 'null'])('when %s is posted, then 400', async (body) => {
      const answer = await edfi.post('students', body);
      expect(answer.status).toBe(400);
      expect(answer.body).toMatchObject({ validationErrors: { '$.': [expect.any(String)] } });
    });

    test('when a member comes twice, then 400 tells its path', async () => {
      const answer = await edfi.post('students', '{"studentUniqueId":"1","studentUniqueId":"2"}');
      expect(told(answer)).toEqual(
        invalid({ '$.studentUniqueId': ['An item with the same key has already been added.'] }),
      );
    });

    test('when a reference comes twice, then 400 tells its path', async () => {
      const answer = await edfi.post(
        'classPeriods',
        '{"classPeriodName":"1","schoolReference":{"schoolId":1},"schoolReference":{"schoolId":1}}',
      );
      expect(told(answer)).toEqual(
        invalid({ '$.schoolReference': ['An item with the same key has already been added.'] }),
      );
    });

    test.each(['id', 'Id'])(
      'when a document with an %s is posted, then 400 says that ids are ours',
      async (name) => {
        expect(told(await edfi.post('students', { ...edfi.student(), [name]: nobody }))).toEqual(
          problem(
            400,
            'bad-request:data-validation-failed',
            'Data Validation Failed',
            'The request data was constructed incorrectly.',
            {
              errors: [
                "Resource identifiers cannot be assigned by the client. The 'id' property should not be included in the request body.",
              ],
            },
          ),
        );
      },
    );
  });

  describe('given a URL', () => {
    test.each(['STUDENTS', 'Students', 'stUDENTs'])(
      'when the resource is spelled %s, then it is found',
      async (name) => {
        expect((await edfi.post(name, edfi.student())).status).toBe(201);
      },
    );

    test('when the project is spelled in upper case, then it is found', async () => {
      expect((await edfi.get('/data/ED-FI/students')).status).toBe(200);
    });

    test('when it ends with a slash, then it is found', async () => {
      expect((await edfi.get('/data/ed-fi/students/')).status).toBe(200);
    });

    test.each([
      '/data/ed-fi/pupils',
      '/data/other/students',
      '/data/ed-fi/student',
      '/data/ed-fi',
      '/elsewhere',
      '/data/ed-fi/educationOrganizations',
      '/data/ed-fi/generalStudentProgramAssociations',
    ])('when nothing is at %s, then 404 says so', async (url) => {
      const answer = await edfi.get(url);
      expect(answer.status).toBe(404);
      expect(told(answer)).toEqual(notFound);
    });

    test('when a document is posted to a resource that is abstract, then 404', async () => {
      expect(told(await edfi.post('educationOrganizations', { educationOrganizationId: 1 }))).toEqual(
        notFound,
      );
    });

    test.each(['GET', 'PUT', 'DELETE'])(
      'when %s names an id that cannot be one, then 400 tells it under $.id',
      async (method) => {
        for (const id of ['not-an-id', nobody.slice(1), `{${nobody}}`]) {
          const body = method === 'PUT' ? { ...edfi.student(), id } : undefined;
          const answer = await edfi.send(method, `/data/ed-fi/students/${encodeURIComponent(id)}`, body);
          expect(told(answer)).toEqual(invalid({ '$.id': [`The value '${id}' is not valid.`] }));
        }
      },
    );

    test.each([
      ['PUT', '', 'Resource collections cannot be replaced.'],
      ['DELETE', '', 'Resource collections cannot be deleted.'],
      ['POST', `/${nobody}`, 'Resource items can only be updated using PUT.'],
    ])(
      'when %s is sent to /data/ed-fi/students%s, then 405 says what to do',
      async (method, rest, sentence) => {
        const answer = await edfi.send(
          method,
          `/data/ed-fi/students${rest}`,
          method === 'DELETE' ? undefined : {},
        );
        expect(answer.status).toBe(405);
        expect(answer.body).toMatchObject({
          type: 'urn:ed-fi:api:method-not-allowed',
          title: 'Method Not Allowed',
          detail: 'The request construction was invalid.',
          errors: [expect.stringContaining(sentence)],
        });
      },
    );
  });
});
