// The answers of an Ed-Fi node to writes and reads of single documents.

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
    test('a POST of a new document answers 201 with its location and its tag, without a body', async () => {
      const answer = await edfi.post('students', edfi.student());
      expect([answer.status, answer.text]).toEqual([201, '']);
      expect(answer.headers['location']).toMatch(/^http:\/\/[^/]+\/data\/ed-fi\/students\/[0-9a-f-]{36}$/);
      expect(answer.headers['etag']).toMatch(/^[\w-]+$/);
    });

    test('a GET of an unknown id is answered 404 without a body', async () => {
      const answer = await edfi.get(`students/${nobody}`);
      expect([answer.status, answer.text]).toEqual([404, '']);
    });

    test('a DELETE of an unknown id is answered 404 without a body', async () => {
      const answer = await edfi.remove(`students/${nobody}`);
      expect([answer.status, answer.text]).toEqual([404, '']);
    });

    test('a PUT to an unknown id is answered 404 with a problem', async () => {
      const answer = await edfi.put(`students/${nobody}`, { ...edfi.student(), id: nobody });
      expect(answer.status).toBe(404);
      expect(told(answer)).toEqual(
        problem(404, 'not-found', 'Not Found', 'Resource to update was not found'),
      );
    });

    test('a POST without a content type is taken', async () => {
      const response = await edfi.app.inject({
        method: 'POST',
        url: '/data/ed-fi/students',
        payload: Buffer.from(JSON.stringify(edfi.student())),
        headers: { 'content-length': String(JSON.stringify(edfi.student()).length) },
      });
      expect(response.statusCode).toBe(201);
    });

    test('a POST as text/json is taken', async () => {
      const answer = await edfi.post('students', edfi.student(), { 'content-type': 'text/json' });
      expect(answer.status).toBe(201);
    });

    test('a POST as XML is answered 415', async () => {
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

    test('a GET returns the document with its id, its tag and its date', async () => {
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

    test('a GET with the current tag in If-None-Match is answered 304', async () => {
      const { location, etag } = await given();
      expect((await edfi.get(location, { 'if-none-match': etag })).status).toBe(304);
    });

    test('a POST of the same identity with other values answers 200 with the same location', async () => {
      const { student, location, etag } = await given();
      const answer = await edfi.post('students', { ...student, firstName: 'Augusta' });
      expect([answer.status, answer.text, answer.headers['location']]).toEqual([200, '', location]);
      expect(answer.headers['etag']).not.toBe(etag);
      expect((await edfi.get(location)).body).toMatchObject({ firstName: 'Augusta' });
    });

    test('a POST of the same content answers 200, and changes nothing, not even the date', async () => {
      const { student, location, etag } = await given();
      const before = await edfi.get(location);
      const answer = await edfi.post('students', student);
      expect([answer.status, answer.headers['etag']]).toEqual([200, etag]);
      expect((await edfi.get(location)).text).toBe(before.text);
    });

    test('a POST ignores a wrong If-Match', async () => {
      const { student } = await given();
      expect((await edfi.post('students', student, { 'if-match': 'wrong' })).status).toBe(200);
    });

    test('a PUT of what was read answers 204, and changes nothing', async () => {
      const { location, etag } = await given();
      const read = await edfi.get(location);
      const answer = await edfi.put(location, read.body);
      expect([answer.status, answer.text]).toEqual([204, '']);
      expect([answer.headers['location'], answer.headers['etag']]).toEqual([location, etag]);
      expect((await edfi.get(location)).text).toBe(read.text);
    });

    test('a PUT of another value answers 204 with a new tag', async () => {
      const { student, location, id, etag } = await given();
      const answer = await edfi.put(location, { ...student, id, middleName: 'King' });
      expect(answer.status).toBe(204);
      expect(answer.headers['location']).toBe(location);
      expect(answer.headers['etag']).not.toBe(etag);
      expect((await edfi.get(location)).body).toMatchObject({ middleName: 'King' });
    });

    test('a PUT without a member removes it', async () => {
      const { student, location, id } = await given();
      await edfi.put(location, { ...student, id, middleName: 'King' });
      await edfi.put(location, { ...student, id });
      expect((await edfi.get(location)).body).not.toHaveProperty('middleName');
    });

    test('a PUT to the id in upper case finds the document', async () => {
      const { student, id } = await given();
      const answer = await edfi.put(`students/${id.toUpperCase()}`, { ...student, id: id.toUpperCase() });
      expect(answer.status).toBe(204);
    });

    test('a PUT with the id of another document is answered 400', async () => {
      const { student, location } = await given();
      const answer = await edfi.put(location, { ...student, id: nobody });
      expect(answer.status).toBe(400);
      expect(told(answer)).toEqual(badRequest('Request body id must match the id in the url.'));
    });

    test('a PUT with a malformed id is answered 400', async () => {
      const { student, location } = await given();
      expect(told(await edfi.put(location, { ...student, id: 'x' }))).toEqual(
        badRequest('Request body id must match the id in the url.'),
      );
    });

    test('a PUT without an id is answered 400, which asks for it', async () => {
      const { student, location } = await given();
      expect(told(await edfi.put(location, student))).toEqual(invalid({ '$.id': ['id is required.'] }));
    });

    test('a PUT with an invalid value and a wrong id is answered with the value', async () => {
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
    ])('a PUT with its tag in If-Match %s answers 204', async (_how, spell) => {
      const { student, location, id, etag } = await given();
      const answer = await edfi.put(
        location,
        { ...student, id, middleName: 'K' },
        { 'if-match': spell(etag) },
      );
      expect(answer.status).toBe(204);
    });

    test('a PUT with an empty If-Match is applied', async () => {
      const { student, location, id } = await given();
      expect((await edfi.put(location, { ...student, id }, { 'if-match': ' ' })).status).toBe(204);
    });

    test('a PUT with the tag of an older version is answered 412, and changes nothing', async () => {
      const { student, location, id, etag } = await given();
      await edfi.put(location, { ...student, id, middleName: 'First' });
      const answer = await edfi.put(location, { ...student, id, middleName: 'Second' }, { 'if-match': etag });
      expect(answer.status).toBe(412);
      expect(told(answer)).toEqual(staleTag);
      expect((await edfi.get(location)).body).toMatchObject({ middleName: 'First' });
    });

    test('conditions that no batch checks are refused, and change nothing; a GET checks If-Match', async () => {
      const { student, location, id } = await given();
      const dated = { 'if-unmodified-since': 'Thu, 01 Jan 2026 00:00:00 GMT', 'if-match': ' ' };
      expect((await edfi.put(location, { ...student, id, middleName: 'X' }, dated)).status).toBe(400);
      expect((await edfi.remove(location, { 'if-none-match': '*' })).status).toBe(400);
      for (const condition of [{ 'if-none-match': '*' }, dated])
        expect((await edfi.post('students', { ...student, middleName: 'X' }, condition)).status).toBe(400);
      const { status, body } = await edfi.get(location);
      expect([status, (body as { middleName?: string }).middleName]).toEqual([200, undefined]);
      expect((await edfi.get(location, { 'if-match': 'wrong' })).status).toBe(412);
    });

    test('a second PUT with the tag that the first PUT returned is taken', async () => {
      const { student, location, id, etag } = await given();
      const first = await edfi.put(location, { ...student, id, middleName: 'A' }, { 'if-match': etag });
      const tag = first.headers['etag'] as string;
      const second = await edfi.put(location, { ...student, id, middleName: 'B' }, { 'if-match': tag });
      expect(second.status).toBe(204);
    });

    test('a DELETE answers 204 without a body, and the document is gone', async () => {
      const { location } = await given();
      const answer = await edfi.remove(location);
      expect([answer.status, answer.text]).toEqual([204, '']);
      expect((await edfi.get(location)).status).toBe(404);
      expect((await edfi.remove(location)).status).toBe(404);
    });

    test('a document that is deleted and posted again is created with another id', async () => {
      const { student, location, id } = await given();
      await edfi.remove(location);
      const answer = await edfi.post('students', student);
      expect(answer.status).toBe(201);
      expect(answer.id).not.toBe(id);
    });

    test('a DELETE with a wrong tag is answered 412, and the document stays', async () => {
      const { location } = await given();
      const answer = await edfi.remove(location, { 'if-match': 'wrong' });
      expect(answer.status).toBe(412);
      expect(told(answer)).toEqual(staleTag);
      expect((await edfi.get(location)).status).toBe(200);
    });

    test('a DELETE with the current tag answers 204', async () => {
      const { location, etag } = await given();
      expect((await edfi.remove(location, { 'if-match': etag })).status).toBe(204);
    });

    test('a GET of the id below another resource is answered 404', async () => {
      const { id } = await given();
      expect((await edfi.get(`schools/${id}`)).status).toBe(404);
    });
  });

  describe('given two documents of the same content at different times', () => {
    test('documents of equal content have equal tags, whatever the order and the metadata members', async () => {
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
    test.each(['', '  \n'])('a POST of %j is answered 400, which asks for a body', async (body) => {
      expect(told(await edfi.post('students', body))).toEqual(
        badRequest('A non-empty request body is required.'),
      );
    });

    test('a PUT without a body is answered 400, which asks for a body', async () => {
      expect(told(await edfi.put(`students/${nobody}`, ''))).toEqual(
        badRequest('A non-empty request body is required.'),
      );
    });

    test.each(['{', '{"a": }', 'student', '{"a": 1,}', '{"a": 1} x'])(
      'a POST of %j is answered 400, with the path $., because it is not JSON',
      async (body) => {
        const answer = await edfi.post('students', body);
        expect(answer.status).toBe(400);
        expect(told(answer)).toEqual(invalid({ '$.': [expect.any(String) as string] }));
      },
    );

    test('misspelled JSON is answered 400 with line and column, and nothing of its text', async () => {
      const answer = await edfi.post('students', '{\n  "firstName": "Ada",\n  "lastSurname": Lovelace\n}');
      expect(told(answer)).toEqual(
        invalid({
          '$.': ['$.lastSurname is not valid JSON: a value is missing or misspelled (line 3, column 18)'],
        }),
      );
    });

    test.each(['[]', '"student"', '7', 'null'])('a POST of %s is answered 400', async (body) => {
      const answer = await edfi.post('students', body);
      expect(answer.status).toBe(400);
      expect(answer.body).toMatchObject({ validationErrors: { '$.': [expect.any(String)] } });
    });

    test('a member that comes twice is answered 400 with its path', async () => {
      const answer = await edfi.post('students', '{"studentUniqueId":"1","studentUniqueId":"2"}');
      expect(told(answer)).toEqual(
        invalid({ '$.studentUniqueId': ['An item with the same key has already been added.'] }),
      );
    });

    test('a reference that comes twice is answered 400 with its path', async () => {
      const answer = await edfi.post(
        'classPeriods',
        '{"classPeriodName":"1","schoolReference":{"schoolId":1},"schoolReference":{"schoolId":1}}',
      );
      expect(told(answer)).toEqual(
        invalid({ '$.schoolReference': ['An item with the same key has already been added.'] }),
      );
    });

    test.each(['id', 'Id'])(
      'a POST with the member %s is answered 400, because the server assigns ids',
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
    test.each(['STUDENTS', 'Students', 'stUDENTs'])('a resource spelled %s is found', async (name) => {
      expect((await edfi.post(name, edfi.student())).status).toBe(201);
    });

    test('a project spelled in upper case is found', async () => {
      expect((await edfi.get('/data/ED-FI/students')).status).toBe(200);
    });

    test('a URL that ends with a slash is found', async () => {
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
    ])('the unknown URL %s is answered 404', async (url) => {
      const answer = await edfi.get(url);
      expect(answer.status).toBe(404);
      expect(told(answer)).toEqual(notFound);
    });

    test('a POST to an abstract resource is answered 404', async () => {
      expect(told(await edfi.post('educationOrganizations', { educationOrganizationId: 1 }))).toEqual(
        notFound,
      );
    });

    test.each(['GET', 'PUT', 'DELETE'])(
      'a %s with a malformed id is answered 400 with the path $.id',
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
      '%s to /data/ed-fi/students%s is answered 405, and the message says what to do',
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
