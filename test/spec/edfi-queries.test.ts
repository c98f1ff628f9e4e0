// Given a node that speaks Ed-Fi: lists of a resource, by page and by field.

import { beforeAll, describe, expect, test } from 'vitest';
import { modes } from '../support/breadth.ts';
import { badRequest, invalid, isEdFiAbsent, useEdFi, type Body, type EdFiAnswer } from '../support/edfi.ts';

const list = (answer: EdFiAnswer): Body[] => answer.body as unknown as Body[];

describe.skipIf(isEdFiAbsent).each(modes)('Ed-Fi lists in %s mode', (mode) => {
  const edfi = useEdFi(mode);
  const names: string[] = [];
  const schools: number[] = [];
  let attendance: string;

  beforeAll(async () => {
    for (const firstName of ['Ada', 'Grace', 'Edsger', 'Barbara', 'Tony']) {
      names.push(firstName);
      await edfi.create('students', edfi.student({ firstName, birthDate: `200${names.length}-01-02` }));
    }
    schools.push((await edfi.newSchool()).schoolId, (await edfi.newSchool()).schoolId);
    for (const schoolId of schools) {
      for (const classPeriodName of ['First', 'Second']) {
        await edfi.create('classPeriods', {
          classPeriodName,
          schoolReference: { schoolId },
          officialAttendancePeriod: classPeriodName === 'First',
        });
      }
    }
    const { session } = await edfi.newSession();
    attendance = session['termDescriptor'] as string;
  });

  const found = async (url: string, member: string): Promise<unknown[]> => {
    const answer = await edfi.get(url);
    expect(answer.status).toBe(200);
    return list(answer).map((document) => document[member]);
  };

  describe('given five students', () => {
    test('a list has all documents in order of creation, each as its own GET returns it', async () => {
      const answer = await edfi.get('students');
      expect(list(answer).map(({ firstName }) => firstName)).toEqual(names);
      const [first] = list(answer);
      expect(first).toEqual((await edfi.get(`students/${first?.['id'] as string}`)).body);
    });

    test('a list has no count unless it is requested', async () => {
      expect((await edfi.get('students')).headers).not.toHaveProperty('total-count');
    });

    test.each(['true', 'TRUE', 'True'])(
      'with totalCount=%s, the header Total-Count has the count',
      async (value) => {
        const answer = await edfi.get(`students?limit=2&totalCount=${value}`);
        expect([answer.headers['total-count'], list(answer).length]).toEqual(['5', 2]);
      },
    );

    test('with totalCount=false, there is no count', async () => {
      expect((await edfi.get('students?totalCount=false')).headers).not.toHaveProperty('total-count');
    });

    test('with limit=0, the list is empty, and the count is still sent', async () => {
      const answer = await edfi.get('students?limit=0&totalCount=true');
      expect([answer.text, answer.headers['total-count']]).toEqual(['[]', '5']);
    });

    test('consecutive pages have every student once', async () => {
      const pages = await Promise.all(
        [0, 2, 4].map((offset) => found(`students?limit=2&offset=${offset}`, 'firstName')),
      );
      expect(pages.flat()).toEqual(names);
    });

    test('an offset beyond the end gives an empty list', async () => {
      expect((await edfi.get('students?offset=50')).text).toBe('[]');
    });

    test('the names of parameters may be in another case', async () => {
      const answer = await edfi.get('students?LIMIT=1&OffSet=1&TOTALCOUNT=true');
      expect([list(answer)[0]?.['firstName'], answer.headers['total-count']]).toEqual(['Grace', '5']);
    });

    test.each(['-1', 'five', '501', '1.5', ''])(
      'the limit %j is answered 400 with its bounds',
      async (limit) => {
        const answer = await edfi.get(`students?limit=${limit}`);
        expect(answer.body).toEqual({
          ...badRequest('Limit must be omitted or set to a numeric value between 0 and 500.'),
          correlationId: expect.any(String),
        });
      },
    );

    test.each(['-1', 'two', ''])('the offset %j is answered 400 with its bounds', async (offset) => {
      expect((await edfi.get(`students?offset=${offset}`)).body).toMatchObject({
        status: 400,
        errors: ['Offset must be a numeric value greater than or equal to 0.'],
      });
    });

    test('a totalCount that is neither true nor false is answered 400', async () => {
      expect((await edfi.get('students?totalCount=yes')).body).toMatchObject({
        errors: ['TotalCount must be a boolean value.'],
      });
    });

    test('several wrong parameters are answered 400 with all of them', async () => {
      expect((await edfi.get('students?totalCount=1&limit=x&offset=-1')).body['errors']).toHaveLength(3);
    });
  });

  describe('given fields to search by', () => {
    test('a query for a string finds the students that have it', async () => {
      expect(await found('students?firstName=Grace', 'firstName')).toEqual(['Grace']);
    });

    test('a query that no document fits gives an empty list', async () => {
      expect((await edfi.get('students?firstName=Nobody&totalCount=true')).headers['total-count']).toBe('0');
    });

    test('a query field may be spelled in another case', async () => {
      expect(await found('students?FIRSTNAME=Grace', 'firstName')).toEqual(['Grace']);
    });

    test('a query with two fields finds only documents that fit both', async () => {
      expect(await found('students?firstName=Grace&birthDate=2002-01-02', 'firstName')).toEqual(['Grace']);
      expect(await found('students?firstName=Grace&birthDate=2001-01-02', 'firstName')).toEqual([]);
    });

    test.each(['2003-01-02', '1/2/2003', '2003-01-02T00:00:00Z'])(
      'a query for a date spelled as %s finds the document',
      async (date) => {
        expect(await found(`students?birthDate=${encodeURIComponent(date)}`, 'firstName')).toEqual([
          'Edsger',
        ]);
      },
    );

    test('a query for an identity finds its document', async () => {
      const [student] = list(await edfi.get('students?firstName=Tony'));
      const id = student?.['studentUniqueId'] as string;
      expect(await found(`students?studentUniqueId=${id}`, 'firstName')).toEqual(['Tony']);
      expect(await found(`students?studentUniqueId=${id}&firstName=Ada`, 'firstName')).toEqual([]);
    });

    test('a query for a number in a reference finds the documents that refer to it', async () => {
      expect(await found(`classPeriods?schoolId=${schools[0]}`, 'classPeriodName')).toEqual([
        'First',
        'Second',
      ]);
      const answer = await edfi.get(`classPeriods?schoolId=${schools[0]}&limit=1&totalCount=true`);
      expect([list(answer).length, answer.headers['total-count']]).toEqual([1, '2']);
    });

    test('a query for a number that no document has gives an empty list', async () => {
      expect(await found('classPeriods?schoolId=424242', 'classPeriodName')).toEqual([]);
    });

    test('a query for a whole identity with a reference finds its document', async () => {
      const answer = await edfi.get(`classPeriods?schoolId=${schools[1]}&classPeriodName=Second`);
      expect(list(answer)).toMatchObject([
        { classPeriodName: 'Second', schoolReference: { schoolId: schools[1] } },
      ]);
    });

    test.each([
      ['true', 'First'],
      ['False', 'Second'],
    ])('a query for a boolean spelled as %s finds the document', async (value, name) => {
      const answer = await found(`classPeriods?officialAttendancePeriod=${value}`, 'classPeriodName');
      expect(answer).toEqual([name, name]);
    });

    test('a query for a descriptor in another case finds the document', async () => {
      const uri = encodeURIComponent(attendance.toUpperCase());
      expect(await found(`sessions?termDescriptor=${uri}`, 'sessionName')).toEqual(['Fall']);
      expect(
        await found(`sessions?termDescriptor=${encodeURIComponent('uri://x#y')}`, 'sessionName'),
      ).toEqual([]);
    });

    test('a query for another member of a descriptor finds it', async () => {
      await edfi.create('gradingPeriodDescriptors', {
        namespace: 'uri://ed-fi.org/GradingPeriodDescriptor',
        codeValue: 'Dated',
        shortDescription: 'Short',
        description: 'Long',
        effectiveBeginDate: '2024-02-29',
        effectiveEndDate: '2024-06-30',
      });
      for (const term of [
        'effectiveBeginDate=2024-02-29',
        'effectiveEndDate=6/30/2024',
        'shortDescription=Short',
        'description=Long',
        'effectiveBeginDate=2024-02-29&effectiveEndDate=2024-06-30',
      ])
        expect([term, await found(`gradingPeriodDescriptors?${term}`, 'codeValue')]).toEqual([
          term,
          ['Dated'],
        ]);
      for (const term of [
        'effectiveBeginDate=2024-02-28',
        'effectiveEndDate=2024-02-29',
        'description=Short',
      ])
        expect([term, await found(`gradingPeriodDescriptors?${term}`, 'codeValue')]).toEqual([term, []]);
    });

    test('a query for the code value of a descriptor finds it', async () => {
      expect(await found('termDescriptors?codeValue=Fall%20Semester', 'codeValue')).toEqual([
        'Fall Semester',
      ]);
    });

    test('a query for a school year finds it, although its field is declared a string', async () => {
      expect(await found('schoolYearTypes?schoolYear=2025', 'schoolYear')).toEqual([2025]);
    });

    test('a query for a field that the resource does not have is answered 400 with its name', async () => {
      const answer = await edfi.get('students?shoeSize=44');
      expect(answer.body).toEqual({
        ...badRequest("The query field 'shoeSize' is not valid for this resource."),
        correlationId: expect.any(String),
      });
    });

    test.each([
      ['classPeriods', 'schoolId', 'one', '$.schoolReference.schoolId'],
      ['classPeriods', 'officialAttendancePeriod', 'maybe', '$.officialAttendancePeriod'],
      ['students', 'birthDate', 'yesterday', '$.birthDate'],
      ['students', 'birthDate', '2023-02-29', '$.birthDate'],
      ['students', 'birthDate', '2024-02-30T10:00:00Z', '$.birthDate'],
      ['students', 'birthDate', '0000-01-01', '$.birthDate'],
      ['studentAssessments', 'administrationDate', '2024-02-30T10:00:00Z', '$.administrationDate'],
      ['studentAssessments', 'administrationDate', '2024-01-01T24:00:00Z', '$.administrationDate'],
      ['bellSchedules', 'startTime', '24:00:00', '$.startTime'],
      ['gradingPeriodDescriptors', 'effectiveEndDate', '2024-06-31', '$.effectiveEndDate'],
    ])('a query of %s with %s=%s is answered 400 with the path', async (resource, field, value, path) => {
      const answer = await edfi.get(`${resource}?${field}=${value}`);
      expect(answer.body).toEqual({
        ...invalid({ [path]: [`The value '${value}' is not valid for ${field}.`] }),
        correlationId: expect.any(String),
      });
    });

    test('a query value that looks like SQL is compared as a value', async () => {
      const value = encodeURIComponent(`x"}' or true --`);
      expect(await found(`students?firstName=${value}`, 'firstName')).toEqual([]);
      expect(await found(`sessions?termDescriptor=${value}`, 'sessionName')).toEqual([]);
    });
  });
});
