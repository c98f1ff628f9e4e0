// Given a node that speaks Ed-Fi: which contents of a document it takes, changes on the way, or refuses, and how it says so.

import { describe, expect, test } from 'vitest';
import { modes } from '../support/breadth.ts';
import { invalid, isEdFiAbsent, told, useEdFi } from '../support/edfi.ts';

describe.skipIf(isEdFiAbsent).each(modes)('Ed-Fi contents in %s mode', (mode) => {
  const edfi = useEdFi(mode);
  const read = async (location: string) => {
    const { id: _id, _etag, _lastModifiedDate, ...content } = (await edfi.get(location)).body;
    return content;
  };

  describe('given members that the schema does not know', () => {
    test('an unknown member of a document is dropped, and the rest is taken', async () => {
      const student = edfi.student();
      const location = await edfi.create('students', { ...student, shoeSize: 44, more: { x: [1] } });
      expect(await read(location)).toEqual(student);
    });

    test('an unknown member of a reference or an element is dropped', async () => {
      const { schoolId } = await edfi.newSchool();
      const period = {
        classPeriodName: 'First',
        schoolReference: { schoolId },
        meetingTimes: [{ startTime: '08:00:00', endTime: '09:00:00' }],
      };
      const location = await edfi.create('classPeriods', {
        ...period,
        schoolReference: { schoolId, link: { rel: 'School' } },
        meetingTimes: [{ startTime: '08:00:00', endTime: '09:00:00', bell: true }],
      });
      expect(await read(location)).toEqual(period);
    });

    test('two documents that differ only in unknown members are the same, with one tag', async () => {
      const student = edfi.student();
      const first = await edfi.post('students', student);
      const second = await edfi.post('students', { ...student, shoeSize: 44 });
      expect([second.status, second.headers['etag']]).toEqual([200, first.headers['etag']]);
    });

    test('a member called __proto__ is dropped', async () => {
      const student = edfi.student();
      const text = JSON.stringify(student).replace('{', '{"__proto__":{"firstName":"x"},');
      const answer = await edfi.post('students', text);
      expect(await read(answer.headers['location'] as string)).toEqual(student);
    });
  });

  describe('given members that say nothing', () => {
    test('an optional member that is null is dropped', async () => {
      const student = edfi.student();
      const location = await edfi.create('students', { ...student, middleName: null });
      expect(await read(location)).toEqual(student);
    });

    test('a required member that is null is answered 400 as missing', async () => {
      expect(told(await edfi.post('students', edfi.student({ firstName: null })))).toEqual(
        invalid({
          '$.firstName': ['firstName is required.'],
        }),
      );
    });

    test('an optional array that is empty is dropped', async () => {
      const student = edfi.student();
      const location = await edfi.create('students', { ...student, otherNames: [] });
      expect(await read(location)).toEqual(student);
    });

    test.each([
      ['holds only empty objects', [{}, {}]],
      ['holds only objects with empty arrays', [{ periods: [] }, {}]],
    ])('an optional array that %s is dropped', async (_what, addresses) => {
      const { location, schoolId } = await edfi.newSchool();
      const school = await read(location);
      const again = await edfi.post('schools', { ...school, addresses });
      expect([again.status, await read(location)]).toEqual([200, school]);
      expect(school).toMatchObject({ schoolId });
    });

    test('an array within an element that is empty or holds only empty objects is dropped', async () => {
      const { schoolId } = await edfi.newSchool();
      const period = { classPeriodName: 'First', schoolReference: { schoolId } };
      const bell = (endTime: string, more: object) => ({
        ...period,
        meetingTimes: [{ startTime: '08:00:00', endTime, ...more }],
      });
      const location = await edfi.create('classPeriods', bell('09:00:00', {}));
      expect(await read(location)).toEqual(bell('09:00:00', {}));
      const student = edfi.student();
      const organization = {
        educationOrganizationReference: { educationOrganizationId: schoolId },
        studentReference: { studentUniqueId: student['studentUniqueId'] },
      };
      await edfi.create('students', student);
      const addressTypeDescriptor = await edfi.descriptor('addressTypeDescriptor');
      const stateAbbreviationDescriptor = await edfi.descriptor('stateAbbreviationDescriptor');
      const address = {
        addressTypeDescriptor,
        stateAbbreviationDescriptor,
        city: 'Grand Bend',
        postalCode: '1',
        streetNumberName: '1 Main',
      };
      for (const periods of [[], [{}]]) {
        const answer = await edfi.post('studentEducationOrganizationAssociations', {
          ...organization,
          addresses: [{ ...address, periods }],
        });
        expect(answer.status).toBeLessThan(300);
        expect(await read(answer.headers['location'] as string)).toEqual({
          ...organization,
          addresses: [address],
        });
      }
    });

    test('a required array that holds only empty objects is answered 400 as missing', async () => {
      const school = await edfi.school(edfi.fresh(), { gradeLevels: [{}] });
      expect(told(await edfi.post('schools', school))).toEqual(
        invalid({ '$.gradeLevels': ['gradeLevels is required.'] }),
      );
    });

    test('a required array that is empty is answered 400 as missing', async () => {
      const school = await edfi.school(edfi.fresh(), { gradeLevels: [] });
      expect(told(await edfi.post('schools', school))).toEqual(
        invalid({ '$.gradeLevels': ['gradeLevels is required.'] }),
      );
    });
  });

  describe('given strings that spell other things', () => {
    test('a number spelled as a string becomes a number', async () => {
      const schoolId = edfi.fresh();
      const school = await edfi.school(schoolId);
      const location = await edfi.create('schools', { ...school, schoolId: String(schoolId) });
      expect(await read(location)).toEqual(school);
      expect((await edfi.post('schools', school)).status).toBe(200);
    });

    test('a number in a reference, spelled as a string, refers to the same document', async () => {
      const { schoolId } = await edfi.newSchool();
      const location = await edfi.create('classPeriods', {
        classPeriodName: 'Spelled',
        schoolReference: { schoolId: String(schoolId) },
      });
      expect(await read(location)).toMatchObject({ schoolReference: { schoolId } });
    });

    test.each([
      ['true', true],
      ['FALSE', false],
      [' True ', true],
    ])('a boolean spelled %j becomes a boolean', async (text, value) => {
      const { schoolId } = await edfi.newSchool();
      const location = await edfi.create('classPeriods', {
        classPeriodName: 'First',
        schoolReference: { schoolId },
        officialAttendancePeriod: text,
      });
      expect(await read(location)).toMatchObject({ officialAttendancePeriod: value });
    });

    test('a decimal spelled as a string becomes a number', async () => {
      const { location } = await edfi.newSession();
      const session = await edfi.get(location);
      const answer = await edfi.put(location, { ...session.body, totalInstructionalDays: '81' });
      expect(answer.status).toBe(204);
      expect(await read(location)).toMatchObject({ totalInstructionalDays: 81 });
    });

    test.each(['ten', '', '1e3', '1,000', '12.'])('%j in place of a number is answered 400', async (text) => {
      const school = await edfi.school(edfi.fresh());
      expect(told(await edfi.post('schools', { ...school, schoolId: text }))).toEqual(
        invalid({
          '$.schoolId': ['schoolId Value is "string" but should be "integer"'],
        }),
      );
    });

    test('a number whose spelling would lose digits is answered 400', async () => {
      const school = await edfi.school(edfi.fresh());
      expect(told(await edfi.post('schools', { ...school, schoolId: '9007199254740993' }))).toEqual(
        invalid({
          '$.schoolId': ['schoolId Value is "string" but should be "integer"'],
        }),
      );
    });

    test('a date spelled with slashes becomes an ISO date', async () => {
      const location = await edfi.create('students', edfi.student({ birthDate: '3/4/2012' }));
      expect(await read(location)).toMatchObject({ birthDate: '2012-03-04' });
    });

    test('spaces around a code value are dropped', async () => {
      const location = await edfi.create('termDescriptors', {
        namespace: 'uri://ed-fi.org/TermDescriptor',
        codeValue: '  Spaced ',
        shortDescription: ' Spaced',
      });
      expect(await read(location)).toMatchObject({ codeValue: 'Spaced', shortDescription: 'Spaced' });
    });
  });

  describe('given values that the schema does not allow', () => {
    test('a missing required member is answered 400 with its path', async () => {
      const { firstName: _, ...student } = edfi.student();
      expect(told(await edfi.post('students', student))).toEqual(
        invalid({ '$.firstName': ['firstName is required.'] }),
      );
    });

    test('several missing members are answered 400 with all paths', async () => {
      expect(told(await edfi.post('students', { studentUniqueId: '1' }))).toEqual(
        invalid({
          '$.birthDate': ['birthDate is required.'],
          '$.firstName': ['firstName is required.'],
          '$.lastSurname': ['lastSurname is required.'],
        }),
      );
    });

    test('a reference without one of its values is answered 400 with the path', async () => {
      expect(told(await edfi.post('classPeriods', { classPeriodName: 'x', schoolReference: {} }))).toEqual(
        invalid({
          '$.schoolReference.schoolId': ['schoolId is required.'],
        }),
      );
    });

    test('an array element without one of its values is answered 400 with the path', async () => {
      const school = await edfi.school(edfi.fresh(), { gradeLevels: [{ gradeLevelDescriptor: 'x' }, {}] });
      expect(told(await edfi.post('schools', school))).toEqual(
        invalid({
          '$.gradeLevels[1].gradeLevelDescriptor': ['gradeLevelDescriptor is required.'],
        }),
      );
    });

    test('a string that is too long is answered 400 with the limit', async () => {
      expect(told(await edfi.post('students', edfi.student({ firstName: 'x'.repeat(76) })))).toEqual(
        invalid({
          '$.firstName': ['firstName Value should be at most 75 characters'],
        }),
      );
    });

    test('a required string that is empty is answered 400', async () => {
      const period = { classPeriodName: '', schoolReference: { schoolId: 1 } };
      expect(told(await edfi.post('classPeriods', period))).toEqual(
        invalid({
          '$.classPeriodName': ['classPeriodName is required and should not be left empty.'],
        }),
      );
    });

    test('an empty code value is answered 400 with its least length', async () => {
      const answer = await edfi.post('termDescriptors', {
        namespace: 'uri://ed-fi.org/TermDescriptor',
        codeValue: '   ',
        shortDescription: 'x',
      });
      expect(told(answer)).toEqual(
        invalid({ '$.codeValue': ['codeValue Value should be at least 1 characters'] }),
      );
    });

    test.each([' First', 'First ', '   '])(
      'the identifying string %j is answered 400, because spaces are not allowed there',
      async (name) => {
        const period = { classPeriodName: name, schoolReference: { schoolId: 1 } };
        expect(told(await edfi.post('classPeriods', period))).toEqual(
          invalid({
            '$.classPeriodName': ['classPeriodName cannot contain leading or trailing spaces.'],
          }),
        );
      },
    );

    test('a number in place of a string is answered 400 with both types', async () => {
      expect(told(await edfi.post('students', edfi.student({ firstName: 7 })))).toEqual(
        invalid({
          '$.firstName': ['firstName Value is "integer" but should be "string"'],
        }),
      );
    });

    test('a fraction in place of a whole number is answered 400', async () => {
      const school = await edfi.school(edfi.fresh());
      expect(told(await edfi.post('schools', { ...school, schoolId: 1.5 }))).toEqual(
        invalid({
          '$.schoolId': ['schoolId Value is "number" but should be "integer"'],
        }),
      );
    });

    test('a value in place of an object, or an object for an array, is answered 400 with both types', async () => {
      const answer = await edfi.post('classPeriods', {
        classPeriodName: 'x',
        schoolReference: 7,
        meetingTimes: { startTime: '08:00:00' },
      });
      expect(told(answer)).toEqual(
        invalid({
          '$.schoolReference': ['schoolReference Value is "integer" but should be "object"'],
          '$.meetingTimes': ['meetingTimes Value is "object" but should be "array"'],
        }),
      );
    });

    describe('given a moment', () => {
      const assessment = (administrationDate: string) => ({
        studentAssessmentIdentifier: 'x',
        assessmentReference: { assessmentIdentifier: 'x', namespace: 'uri://ed-fi.org' },
        studentReference: { studentUniqueId: 'nobody' },
        administrationDate,
      });

      test.each([
        '2024-02-30T10:00:00Z',
        '2024-04-31T08:00:00-05:00',
        '2023-02-29 09:00:00',
        '2/30/2024',
        '2024-01-01T24:00:00Z',
        '2024-01-01T10:60:00Z',
        '2024-01-01T10:00:00+25:00',
        '0000-01-01T00:00:00Z',
        '2024-02-28T23:59:60Z',
      ])('the moment %s, which the calendar does not have, is answered 400 with the format', async (text) => {
        expect(told(await edfi.post('studentAssessments', assessment(text)))).toEqual(
          invalid({ '$.administrationDate': ['administrationDate Value does not match format "date-time"'] }),
        );
      });

      test('a moment that the calendar has is taken', async () => {
        for (const text of [
          '2024-02-29 23:59:59',
          '2/29/2024',
          '2024-02-29T10:00:00+14:00',
          '2016-12-31T18:59:60-05:00',
        ]) {
          // Only what it refers to is missing.
          expect([text, (await edfi.post('studentAssessments', assessment(text))).status]).toEqual([
            text,
            409,
          ]);
        }
      });
    });

    test.each(['2012-02-30', '2012-3-4', 'yesterday', '13/13/2012', '2/29/2023', '0000-01-01'])(
      'the date %s is answered 400 with the format',
      async (birthDate) => {
        expect(told(await edfi.post('students', edfi.student({ birthDate })))).toEqual(
          invalid({
            '$.birthDate': ['birthDate Value does not match format "date"'],
          }),
        );
      },
    );

    test.each(['8:00', '25:00:00', '24:00:00', '08:60:00', '08:00:00+25:00', '08:00:60', 'noon'])(
      'the time %s is answered 400 with the format',
      async (startTime) => {
        const answer = await edfi.post('classPeriods', {
          classPeriodName: 'x',
          schoolReference: { schoolId: 1 },
          meetingTimes: [{ startTime, endTime: '09:00:00' }],
        });
        expect(told(answer)).toEqual(
          invalid({
            '$.meetingTimes[0].startTime': ['startTime Value does not match format "time"'],
          }),
        );
      },
    );

    test('a school year out of bounds is answered 400 with the bound', async () => {
      const answer = await edfi.post('schoolYearTypes', {
        schoolYear: -1,
        currentSchoolYear: false,
        schoolYearDescription: 'x',
      });
      expect(told(answer)).toEqual(invalid({ '$.schoolYear': ['schoolYear -1 should be at least 0'] }));
    });

    test('a text that cannot be stored is answered 400 with its path', async () => {
      const answer = await edfi.post('students', JSON.stringify(edfi.student()).replace('Ada', '\\u0000'));
      expect(answer.status).toBe(400);
      expect(Object.keys(answer.body['validationErrors'] as object)).toEqual(['$.firstName']);
    });

    test('a PUT of a faulty document gets the same answer as a POST', async () => {
      const student = edfi.student();
      const created = await edfi.post('students', student);
      const answer = await edfi.put(`students/${created.id}`, { ...student, id: created.id, firstName: 7 });
      expect(told(answer)).toEqual(
        invalid({ '$.firstName': ['firstName Value is "integer" but should be "string"'] }),
      );
    });
  });

  describe('given values that a document says twice', () => {
    const message = (name: string, values: string): string =>
      `All values supplied for '${name}' must match. Review all references (including those higher up in the resource's data) and align the following conflicting values: ${values}`;

    test('a bell schedule and a class period with different schools are answered 400 with both paths', async () => {
      const answer = await edfi.post('bellSchedules', {
        bellScheduleName: 'Late',
        schoolReference: { schoolId: 255901001 },
        classPeriods: [{ classPeriodReference: { classPeriodName: 'First', schoolId: 1 } }],
      });
      const text = message('schoolId', "'1', '255901001'");
      expect(told(answer)).toEqual(
        invalid({
          '$.classPeriods[*].classPeriodReference.schoolId': [text],
          '$.schoolReference.schoolId': [text],
        }),
      );
    });

    test('two references of a list that name different schools are answered 400 with both values', async () => {
      const answer = await edfi.post('bellSchedules', {
        bellScheduleName: 'Late',
        schoolReference: { schoolId: 1 },
        classPeriods: [
          { classPeriodReference: { classPeriodName: 'First', schoolId: 1 } },
          { classPeriodReference: { classPeriodName: 'First', schoolId: 2 } },
        ],
      });
      expect(answer.body).toMatchObject({
        validationErrors: { '$.schoolReference.schoolId': [message('schoolId', "'1', '2'")] },
      });
    });

    test('equal values of a repeated member pass, one as a number and one as a string', async () => {
      const { schoolId } = await edfi.newSchool();
      await edfi.create('classPeriods', { classPeriodName: 'First', schoolReference: { schoolId } });
      const answer = await edfi.post('bellSchedules', {
        bellScheduleName: 'Late',
        schoolReference: { schoolId },
        classPeriods: [{ classPeriodReference: { classPeriodName: 'First', schoolId: String(schoolId) } }],
      });
      expect(answer.status).toBe(201);
    });
  });

  describe('given elements of an array with the same identifying values', () => {
    const repeated = (nth: string, name: string): string =>
      `The ${nth} item of the ${name} has the same identifying values as another item earlier in the list.`;

    test('a repeated grade level is answered 400 with its place in the list', async () => {
      const [one, two] = [
        await edfi.descriptor('gradeLevelDescriptor', 'Ninth grade'),
        await edfi.descriptor('gradeLevelDescriptor', 'Tenth grade'),
      ];
      const gradeLevels = [one, two, one].map((gradeLevelDescriptor) => ({ gradeLevelDescriptor }));
      expect(told(await edfi.post('schools', await edfi.school(edfi.fresh(), { gradeLevels })))).toEqual(
        invalid({
          '$.gradeLevels': [repeated('3rd', 'gradeLevels')],
        }),
      );
    });

    test('two descriptors of a list that differ only in case are duplicates', async () => {
      const one = await edfi.descriptor('gradeLevelDescriptor', 'Ninth grade');
      const gradeLevels = [one, one.toUpperCase()].map((gradeLevelDescriptor) => ({ gradeLevelDescriptor }));
      expect(told(await edfi.post('schools', await edfi.school(edfi.fresh(), { gradeLevels })))).toEqual(
        invalid({
          '$.gradeLevels': [repeated('2nd', 'gradeLevels')],
        }),
      );
    });

    test('two equal references of a list are answered 400 with the place', async () => {
      const classPeriodReference = { classPeriodName: 'First', schoolId: 1 };
      const answer = await edfi.post('bellSchedules', {
        bellScheduleName: 'Late',
        schoolReference: { schoolId: 1 },
        classPeriods: [{ classPeriodReference }, { classPeriodReference }],
      });
      expect(told(answer)).toEqual(invalid({ '$.classPeriods': [repeated('2nd', 'classPeriods')] }));
    });

    test('two addresses with the same identifying values are answered 400 with the place', async () => {
      const address = {
        addressTypeDescriptor: await edfi.descriptor('addressTypeDescriptor', 'Home'),
        stateAbbreviationDescriptor: await edfi.descriptor('stateAbbreviationDescriptor', 'TX'),
        streetNumberName: '1 Main',
        city: 'Grand Bend',
        postalCode: '78834',
      };
      const addresses = [address, { ...address, nameOfCounty: 'Bend' }];
      expect(told(await edfi.post('schools', await edfi.school(edfi.fresh(), { addresses })))).toEqual(
        invalid({
          '$.addresses': [repeated('2nd', 'addresses')],
        }),
      );
    });

    test('two addresses with different identifying values pass', async () => {
      const address = {
        addressTypeDescriptor: await edfi.descriptor('addressTypeDescriptor', 'Home'),
        stateAbbreviationDescriptor: await edfi.descriptor('stateAbbreviationDescriptor', 'TX'),
        streetNumberName: '1 Main',
        city: 'Grand Bend',
        postalCode: '78834',
      };
      const addresses = [address, { ...address, streetNumberName: '2 Main' }];
      const answer = await edfi.post('schools', await edfi.school(edfi.fresh(), { addresses }));
      expect(answer.status).toBe(201);
    });

    test('equal elements of an array within an element are answered 400 with the path', async () => {
      const address = {
        addressTypeDescriptor: 'uri://x#Home',
        stateAbbreviationDescriptor: 'uri://x#TX',
        streetNumberName: '1 Main',
        city: 'Grand Bend',
        postalCode: '78834',
        periods: [{ beginDate: '2020-01-01' }, { beginDate: '2020-01-01', endDate: '2021-01-01' }],
      };
      const school = await edfi.school(edfi.fresh(), { addresses: [address] });
      expect(told(await edfi.post('schools', school))).toEqual(
        invalid({
          '$.addresses[0].periods': [repeated('2nd', 'periods')],
        }),
      );
    });
  });
});
