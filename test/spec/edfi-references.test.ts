// Given a node that speaks Ed-Fi: documents that refer to documents, and identities that meet or change.

import { describe, expect, test } from 'vitest';
import { modes } from '../support/breadth.ts';
import { isEdFiAbsent, problem, told, useEdFi, type Body } from '../support/edfi.ts';

const unresolved = (names: string): Body =>
  problem(
    409,
    'data-conflict:unresolved-reference',
    'Unresolved Reference',
    `The referenced ${names} item(s) do not exist.`,
  );
const noDescriptors = (validationErrors: Record<string, string[]>): Body =>
  problem(400, 'bad-request', 'Bad Request', "Data validation failed. See 'validationErrors' for details.", {
    validationErrors,
  });
const referenced = (names: string): Body =>
  problem(
    409,
    'data-conflict:dependent-item-exists',
    'Dependent Item Exists',
    `The requested action cannot be performed because this item is referenced by existing ${names} item(s).`,
  );
const taken = (error: string): Body =>
  problem(
    409,
    'identity-conflict',
    'Identifying Values Are Not Unique',
    'The identifying value(s) of the item are the same as another item that already exists.',
    { errors: [error] },
  );

describe.skipIf(isEdFiAbsent).each(modes)('Ed-Fi references in %s mode', (mode) => {
  const edfi = useEdFi(mode);

  describe('given a document that is not there', () => {
    test('a reference to a missing document is answered 409 with its resource', async () => {
      const period = { classPeriodName: 'First', schoolReference: { schoolId: edfi.fresh() } };
      expect(told(await edfi.post('classPeriods', period))).toEqual(unresolved('School'));
    });

    test('references to several missing documents are answered 409 with each resource once', async () => {
      const answer = await edfi.post('studentSchoolAssociations', {
        schoolReference: { schoolId: edfi.fresh() },
        studentReference: { studentUniqueId: 'nobody' },
        entryDate: '2024-08-20',
        entryGradeLevelDescriptor: await edfi.descriptor('gradeLevelDescriptor', 'Ninth grade'),
      });
      expect(answer.status).toBe(409);
      expect(answer.body['detail']).toBe('The referenced School, Student item(s) do not exist.');
    });

    test('missing references in elements of an array are answered 409 with their resource once', async () => {
      const { schoolId } = await edfi.newSchool();
      const answer = await edfi.post('bellSchedules', {
        bellScheduleName: 'Late',
        schoolReference: { schoolId },
        classPeriods: ['1', '2'].map((classPeriodName) => ({
          classPeriodReference: { classPeriodName, schoolId },
        })),
      });
      expect(told(answer)).toEqual(unresolved('ClassPeriod'));
    });

    test('a PUT with a missing reference is answered 409, and the document stays unchanged', async () => {
      const { schoolId } = await edfi.newSchool();
      const period = { classPeriodName: 'First', schoolReference: { schoolId } };
      const { id, headers } = await edfi.post('classPeriods', period);
      const location = headers['location'] as string;
      const answer = await edfi.put(location, { ...period, id, schoolReference: { schoolId: edfi.fresh() } });
      expect(told(answer)).toEqual(unresolved('School'));
      expect((await edfi.get(location)).body).toMatchObject(period);
    });

    test('a document is taken once the document that it refers to is posted', async () => {
      const schoolId = edfi.fresh();
      const period = { classPeriodName: 'First', schoolReference: { schoolId } };
      expect((await edfi.post('classPeriods', period)).status).toBe(409);
      await edfi.create('schools', await edfi.school(schoolId));
      expect((await edfi.post('classPeriods', period)).status).toBe(201);
    });

    test('a missing school year is answered 409 with SchoolYearType', async () => {
      const { session } = await edfi.newSession();
      const answer = await edfi.post('sessions', {
        ...session,
        schoolYearTypeReference: { schoolYear: 2040 },
      });
      expect(told(answer)).toEqual(unresolved('SchoolYearType'));
    });

    test('a missing organization is answered 409 with EducationOrganization', async () => {
      const answer = await edfi.post('programs', {
        programName: 'Bilingual',
        programTypeDescriptor: await edfi.descriptor('programTypeDescriptor', 'Bilingual'),
        educationOrganizationReference: { educationOrganizationId: edfi.fresh() },
      });
      expect(told(answer)).toEqual(unresolved('EducationOrganization'));
    });
  });

  describe('given a descriptor that is not there', () => {
    test('a missing descriptor is answered 400 with its path and its value in lower case', async () => {
      const school = await edfi.school(edfi.fresh(), {
        gradeLevels: [{ gradeLevelDescriptor: 'uri://ed-fi.org/GradeLevelDescriptor#Wrong' }],
      });
      expect(told(await edfi.post('schools', school))).toEqual(
        noDescriptors({
          '$.gradeLevels[0].gradeLevelDescriptor': [
            "GradeLevelDescriptor value 'uri://ed-fi.org/gradeleveldescriptor#wrong' does not exist.",
          ],
        }),
      );
    });

    test('several missing descriptors are answered 400 with each path', async () => {
      const school = await edfi.school(edfi.fresh(), {
        gradeLevels: [{ gradeLevelDescriptor: 'uri://a#X' }, { gradeLevelDescriptor: 'uri://a#Y' }],
        schoolTypeDescriptor: 'uri://b#Z',
      });
      expect(told(await edfi.post('schools', school))).toEqual(
        noDescriptors({
          '$.gradeLevels[0].gradeLevelDescriptor': ["GradeLevelDescriptor value 'uri://a#x' does not exist."],
          '$.gradeLevels[1].gradeLevelDescriptor': ["GradeLevelDescriptor value 'uri://a#y' does not exist."],
          '$.schoolTypeDescriptor': ["SchoolTypeDescriptor value 'uri://b#z' does not exist."],
        }),
      );
    });

    test('a missing descriptor is reported alone, before a missing document', async () => {
      const { session } = await edfi.newSession();
      const answer = await edfi.post('sessions', {
        ...session,
        schoolReference: { schoolId: edfi.fresh() },
        termDescriptor: 'uri://a#x',
      });
      expect(told(answer)).toEqual(
        noDescriptors({ '$.termDescriptor': ["TermDescriptor value 'uri://a#x' does not exist."] }),
      );
    });

    test('a descriptor of another kind with the same value does not count', async () => {
      const other = await edfi.descriptor('sexDescriptor', 'Ninth grade');
      const school = await edfi.school(edfi.fresh(), { gradeLevels: [{ gradeLevelDescriptor: other }] });
      expect((await edfi.post('schools', school)).status).toBe(400);
    });

    test('a PUT with a missing descriptor is answered 400', async () => {
      const { location } = await edfi.newSchool();
      const { body } = await edfi.get(location);
      const answer = await edfi.put(location, { ...body, schoolTypeDescriptor: 'uri://b#Z' });
      expect(told(answer)).toEqual(
        noDescriptors({
          '$.schoolTypeDescriptor': ["SchoolTypeDescriptor value 'uri://b#z' does not exist."],
        }),
      );
    });
  });

  describe('given a descriptor', () => {
    test('a descriptor is found in another case, and the document keeps its own spelling', async () => {
      const type = (await edfi.descriptor('schoolTypeDescriptor', 'Regular')).toUpperCase();
      const { location } = await edfi.newSchool({ schoolTypeDescriptor: type });
      expect((await edfi.get(location)).body).toMatchObject({ schoolTypeDescriptor: type });
    });

    test('a descriptor that is posted again in another case is the same one', async () => {
      const body = {
        namespace: 'uri://ed-fi.org/TermDescriptor',
        codeValue: 'Case',
        shortDescription: 'Case',
      };
      const location = await edfi.create('termDescriptors', body);
      const answer = await edfi.post('termDescriptors', { ...body, codeValue: 'CASE' });
      expect([answer.status, answer.headers['location']]).toEqual([200, location]);
    });

    test('a PUT changes the description of a descriptor', async () => {
      const body = { namespace: 'uri://ed-fi.org/TermDescriptor', codeValue: 'Put', shortDescription: 'Put' };
      const { id } = await edfi.post('termDescriptors', body);
      expect((await edfi.put(`termDescriptors/${id}`, { ...body, id, description: 'More' })).status).toBe(
        204,
      );
      expect((await edfi.get(`termDescriptors/${id}`)).body).toMatchObject({ description: 'More' });
    });

    test('a PUT that changes the code value of a descriptor is answered 400', async () => {
      const body = { namespace: 'uri://ed-fi.org/TermDescriptor', codeValue: 'Key', shortDescription: 'Key' };
      const { id } = await edfi.post('termDescriptors', body);
      const answer = await edfi.put(`termDescriptors/${id}`, { ...body, id, codeValue: 'Other' });
      expect(told(answer)).toEqual(
        problem(
          400,
          'bad-request:data-validation-failed:key-change-not-supported',
          'Key Change Not Supported',
          'Identifying values for the TermDescriptor resource cannot be changed. Delete and recreate the resource item instead.',
        ),
      );
    });

    test('deleting a descriptor that a document names is answered 409 with the resource', async () => {
      const category = 'Only here';
      await edfi.newSchool({ schoolTypeDescriptor: await edfi.descriptor('schoolTypeDescriptor', category) });
      const namespace = 'uri://ed-fi.org/SchoolTypeDescriptor';
      const { headers } = await edfi.post('schoolTypeDescriptors', {
        namespace,
        codeValue: category,
        shortDescription: category,
      });
      expect(told(await edfi.remove(headers['location'] as string))).toEqual(referenced('School'));
    });

    test('a descriptor that no document names can be deleted', async () => {
      const location = await edfi.create('termDescriptors', {
        namespace: 'uri://ed-fi.org/TermDescriptor',
        codeValue: 'Unused',
        shortDescription: 'Unused',
      });
      expect((await edfi.remove(location)).status).toBe(204);
    });
  });

  describe('given a document that others refer to', () => {
    test('deleting a document that others refer to is answered 409 with their resources', async () => {
      const { schoolId, location } = await edfi.newSchool();
      await edfi.create('classPeriods', { classPeriodName: 'First', schoolReference: { schoolId } });
      expect(told(await edfi.remove(location))).toEqual(referenced('ClassPeriod'));
      await edfi.create('locations', { classroomIdentificationCode: 'A1', schoolReference: { schoolId } });
      expect(told(await edfi.remove(location))).toEqual(referenced('ClassPeriod, Location'));
      expect((await edfi.get(location)).status).toBe(200);
    });

    test('a document can be deleted once no others refer to it', async () => {
      const { schoolId, location } = await edfi.newSchool();
      const period = await edfi.create('classPeriods', {
        classPeriodName: 'First',
        schoolReference: { schoolId },
      });
      expect((await edfi.remove(location)).status).toBe(409);
      await edfi.remove(period);
      expect((await edfi.remove(location)).status).toBe(204);
    });

    test('a document can be deleted once the others refer to another one', async () => {
      const [one, two] = [await edfi.newSchool(), await edfi.newSchool()];
      const place = { classroomIdentificationCode: 'B1', schoolReference: { schoolId: one.schoolId } };
      const { id } = await edfi.post('locations', place);
      const moved = { ...place, id, schoolReference: { schoolId: two.schoolId } };
      expect((await edfi.put(`locations/${id}`, moved)).status).toBe(204);
      expect((await edfi.remove(one.location)).status).toBe(204);
    });

    test('references stay valid when a document is put with the same identity', async () => {
      const { schoolId, location } = await edfi.newSchool();
      await edfi.create('classPeriods', { classPeriodName: 'First', schoolReference: { schoolId } });
      const { body } = await edfi.get(location);
      expect((await edfi.put(location, { ...body, nameOfInstitution: 'Renamed' })).status).toBe(204);
    });
  });

  describe('given an identity that may not change', () => {
    test('changing the number of a school is answered 400 with the advice to delete and recreate', async () => {
      const { location } = await edfi.newSchool();
      const { body } = await edfi.get(location);
      expect(told(await edfi.put(location, { ...body, schoolId: edfi.fresh() }))).toEqual(
        problem(
          400,
          'bad-request:data-validation-failed:key-change-not-supported',
          'Key Change Not Supported',
          'Identifying values for the School resource cannot be changed. Delete and recreate the resource item instead.',
        ),
      );
      expect((await edfi.get(location)).body).toEqual(body);
    });

    test('changing the unique id of a student is answered 400', async () => {
      const student = edfi.student();
      const { id } = await edfi.post('students', student);
      const answer = await edfi.put(`students/${id}`, { ...student, id, studentUniqueId: 'other' });
      expect(answer.body).toMatchObject({ title: 'Key Change Not Supported', status: 400 });
    });
  });

  describe('given an identity that may change', () => {
    const givenPeriod = async () => {
      const { schoolId } = await edfi.newSchool();
      const period = { classPeriodName: 'First', schoolReference: { schoolId } };
      const { id, headers } = await edfi.post('classPeriods', period);
      return { schoolId, period, id, location: headers['location'] as string };
    };

    test('a class period that gets another name keeps its id', async () => {
      const { schoolId, period, id, location } = await givenPeriod();
      expect((await edfi.put(location, { ...period, id, classPeriodName: 'Second' })).status).toBe(204);
      expect((await edfi.get(location)).body).toMatchObject({ id, classPeriodName: 'Second' });
      const old = await edfi.post('classPeriods', {
        classPeriodName: 'First',
        schoolReference: { schoolId },
      });
      expect(old.status).toBe(201);
    });

    test('a new name is carried into the documents that refer to it, and changes their entity tags', async () => {
      const { schoolId, period, id, location } = await givenPeriod();
      const bell = await edfi.create('bellSchedules', {
        bellScheduleName: 'Late',
        schoolReference: { schoolId },
        classPeriods: [{ classPeriodReference: { classPeriodName: 'First', schoolId } }],
      });
      const before = await edfi.get(bell);
      expect((await edfi.put(location, { ...period, id, classPeriodName: 'Second' })).status).toBe(204);
      const after = await edfi.get(bell);
      expect(after.body).toMatchObject({
        classPeriods: [{ classPeriodReference: { classPeriodName: 'Second', schoolId } }],
      });
      expect(after.headers['etag']).not.toBe(before.headers['etag']);
      expect((await edfi.put(bell, after.body)).headers['etag']).toBe(after.headers['etag']);
    });

    test('a new name is carried further, into documents that refer to those documents', async () => {
      const { schoolId, session, location } = await edfi.newSession();
      const course = { courseCode: 'ALG', educationOrganizationId: schoolId };
      await edfi.create('courses', {
        courseCode: 'ALG',
        courseTitle: 'Algebra',
        numberOfParts: 1,
        educationOrganizationReference: { educationOrganizationId: schoolId },
        identificationCodes: [
          {
            identificationCode: 'ALG',
            courseIdentificationSystemDescriptor: await edfi.descriptor(
              'courseIdentificationSystemDescriptor',
            ),
          },
        ],
      });
      const offering = await edfi.create('courseOfferings', {
        localCourseCode: 'ALG-1',
        schoolReference: { schoolId },
        sessionReference: { schoolId, schoolYear: 2025, sessionName: 'Fall' },
        courseReference: course,
      });
      const section = await edfi.create('sections', {
        sectionIdentifier: 'S1',
        courseOfferingReference: {
          localCourseCode: 'ALG-1',
          schoolId,
          schoolYear: 2025,
          sessionName: 'Fall',
        },
      });
      const { body } = await edfi.get(location);
      expect((await edfi.put(location, { ...body, sessionName: 'Autumn' })).status).toBe(204);
      expect((await edfi.get(offering)).body).toMatchObject({ sessionReference: { sessionName: 'Autumn' } });
      expect((await edfi.get(section)).body).toMatchObject({
        courseOfferingReference: { sessionName: 'Autumn' },
      });
      expect((await edfi.post('sessions', { ...session, sessionName: 'Autumn' })).headers['location']).toBe(
        location,
      );
    });

    test('a new name that another document has is answered 409 with the values', async () => {
      const { schoolId, period, id, location } = await givenPeriod();
      await edfi.create('classPeriods', { classPeriodName: 'Second', schoolReference: { schoolId } });
      expect(told(await edfi.put(location, { ...period, id, classPeriodName: 'Second' }))).toEqual(
        taken(
          'A natural key conflict occurred when attempting to update a resource ClassPeriod with a duplicate key. ' +
            `The duplicate keys and values are (classPeriodName = Second),(schoolId = ${schoolId})`,
        ),
      );
      expect((await edfi.get(location)).body).toMatchObject({ classPeriodName: 'First' });
    });

    test('a new name with an old tag in If-Match is answered 412, and no document changes', async () => {
      const { period, id, location } = await givenPeriod();
      const answer = await edfi.put(
        location,
        { ...period, id, classPeriodName: 'Second' },
        { 'if-match': 'x' },
      );
      expect(answer.status).toBe(412);
      expect((await edfi.get(location)).body).toMatchObject({ classPeriodName: 'First' });
    });
  });

  describe('given resources of one superclass', () => {
    const district = async (localEducationAgencyId: number): Promise<Body> => ({
      localEducationAgencyId,
      nameOfInstitution: 'Grand Bend ISD',
      localEducationAgencyCategoryDescriptor: await edfi.descriptor('localEducationAgencyCategoryDescriptor'),
      categories: [
        {
          educationOrganizationCategoryDescriptor: await edfi.descriptor(
            'educationOrganizationCategoryDescriptor',
            'District',
          ),
        },
      ],
    });

    test('a school with the number of a district is answered 409 with the value', async () => {
      const number = edfi.fresh();
      await edfi.create('localEducationAgencies', await district(number));
      expect(told(await edfi.post('schools', await edfi.school(number)))).toEqual(
        taken(
          'A natural key conflict occurred when attempting to create a new resource School with a duplicate key. ' +
            `The duplicate keys and values are (schoolId = ${number})`,
        ),
      );
    });

    test('a district with the number of a school is answered 409', async () => {
      const { schoolId } = await edfi.newSchool();
      const answer = await edfi.post('localEducationAgencies', await district(schoolId));
      expect(answer.body).toMatchObject({ status: 409, title: 'Identifying Values Are Not Unique' });
    });

    test('a school may have the number of a deleted district', async () => {
      const number = edfi.fresh();
      const location = await edfi.create('localEducationAgencies', await district(number));
      expect((await edfi.post('schools', await edfi.school(number))).status).toBe(409);
      await edfi.remove(location);
      expect((await edfi.post('schools', await edfi.school(number))).status).toBe(201);
    });

    test('a reference to an organization is met by a school or a district', async () => {
      const { schoolId } = await edfi.newSchool();
      const number = edfi.fresh();
      await edfi.create('localEducationAgencies', await district(number));
      const programTypeDescriptor = await edfi.descriptor('programTypeDescriptor', 'Bilingual');
      for (const educationOrganizationId of [schoolId, number]) {
        const answer = await edfi.post('programs', {
          programName: 'Bilingual',
          programTypeDescriptor,
          educationOrganizationReference: { educationOrganizationId },
        });
        expect(answer.status).toBe(201);
      }
    });

    test('a school that is referred to as an organization cannot be deleted', async () => {
      const { schoolId, location } = await edfi.newSchool();
      await edfi.create('programs', {
        programName: 'Bilingual',
        programTypeDescriptor: await edfi.descriptor('programTypeDescriptor', 'Bilingual'),
        educationOrganizationReference: { educationOrganizationId: schoolId },
      });
      expect(told(await edfi.remove(location))).toEqual(referenced('Program'));
    });

    test('a district cannot be deleted while a school belongs to it', async () => {
      const localEducationAgencyId = edfi.fresh();
      const location = await edfi.create('localEducationAgencies', await district(localEducationAgencyId));
      await edfi.newSchool({ localEducationAgencyReference: { localEducationAgencyId } });
      expect(told(await edfi.remove(location))).toEqual(referenced('School'));
    });

    test('a district that is its own parent can be deleted', async () => {
      const localEducationAgencyId = edfi.fresh();
      const body = await district(localEducationAgencyId);
      const location = await edfi.create('localEducationAgencies', {
        ...body,
        parentLocalEducationAgencyReference: { localEducationAgencyId },
      });
      expect((await edfi.remove(location)).status).toBe(204);
    });
  });
});
