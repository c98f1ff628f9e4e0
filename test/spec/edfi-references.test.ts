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
    test('when one refers to it, then 409 names its resource', async () => {
      const period = { classPeriodName: 'First', schoolReference: { schoolId: edfi.fresh() } };
      expect(told(await edfi.post('classPeriods', period))).toEqual(unresolved('School'));
    });

    test('when one refers to several, then 409 names each resource once', async () => {
      const answer = await edfi.post('studentSchoolAssociations', {
        schoolReference: { schoolId: edfi.fresh() },
        studentReference: { studentUniqueId: 'nobody' },
        entryDate: '2024-08-20',
        entryGradeLevelDescriptor: await edfi.descriptor('gradeLevelDescriptor', 'Ninth grade'),
      });
      expect(answer.status).toBe(409);
      expect(answer.body['detail']).toBe('The referenced School, Student item(s) do not exist.');
    });

    test('when elements of an array refer to two of one resource, then 409 names it once', async () => {
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

    test('when a document is put that refers to it, then 409, and it stays as it was', async () => {
      const { schoolId } = await edfi.newSchool();
      const period = { classPeriodName: 'First', schoolReference: { schoolId } };
      const { id, headers } = await edfi.post('classPeriods', period);
      const location = headers['location'] as string;
      const answer = await edfi.put(location, { ...period, id, schoolReference: { schoolId: edfi.fresh() } });
      expect(told(answer)).toEqual(unresolved('School'));
      expect((await edfi.get(location)).body).toMatchObject(period);
    });

    test('when it is posted afterwards, then what refers to it is taken', async () => {
      const schoolId = edfi.fresh();
      const period = { classPeriodName: 'First', schoolReference: { schoolId } };
      expect((await edfi.post('classPeriods', period)).status).toBe(409);
      await edfi.create('schools', await edfi.school(schoolId));
      expect((await edfi.post('classPeriods', period)).status).toBe(201);
    });

    test('when a document refers to a school year that is not there, then 409 names SchoolYearType', async () => {
      const { session } = await edfi.newSession();
      const answer = await edfi.post('sessions', {
        ...session,
        schoolYearTypeReference: { schoolYear: 2040 },
      });
      expect(told(answer)).toEqual(unresolved('SchoolYearType'));
    });

    test('when a document refers to an organization that is not there, then 409 names EducationOrganization', async () => {
      const answer = await edfi.post('programs', {
        programName: 'Bilingual',
        programTypeDescriptor: await edfi.descriptor('programTypeDescriptor', 'Bilingual'),
        educationOrganizationReference: { educationOrganizationId: edfi.fresh() },
      });
      expect(told(answer)).toEqual(unresolved('EducationOrganization'));
    });
  });

  describe('given a descriptor that is not there', () => {
    test('when a document names it, then 400 tells place and value in lower case', async () => {
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

    test('when several places name several, then 400 tells each', async () => {
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

    test('when a document is missing as well, then the descriptor is told, first and alone', async () => {
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

    test('when a descriptor of another kind has that value, then it does not count', async () => {
      const other = await edfi.descriptor('sexDescriptor', 'Ninth grade');
      const school = await edfi.school(edfi.fresh(), { gradeLevels: [{ gradeLevelDescriptor: other }] });
      expect((await edfi.post('schools', school)).status).toBe(400);
    });

    test('when a document is put that names it, then 400', async () => {
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
    test('when a document names it in another case, then it is found, and the document keeps its own', async () => {
      const type = (await edfi.descriptor('schoolTypeDescriptor', 'Regular')).toUpperCase();
      const { location } = await edfi.newSchool({ schoolTypeDescriptor: type });
      expect((await edfi.get(location)).body).toMatchObject({ schoolTypeDescriptor: type });
    });

    test('when it is posted again in another case, then it is the same one', async () => {
      const body = {
        namespace: 'uri://ed-fi.org/TermDescriptor',
        codeValue: 'Case',
        shortDescription: 'Case',
      };
      const location = await edfi.create('termDescriptors', body);
      const answer = await edfi.post('termDescriptors', { ...body, codeValue: 'CASE' });
      expect([answer.status, answer.headers['location']]).toEqual([200, location]);
    });

    test('when it is put with another description, then it changes', async () => {
      const body = { namespace: 'uri://ed-fi.org/TermDescriptor', codeValue: 'Put', shortDescription: 'Put' };
      const { id } = await edfi.post('termDescriptors', body);
      expect((await edfi.put(`termDescriptors/${id}`, { ...body, id, description: 'More' })).status).toBe(
        204,
      );
      expect((await edfi.get(`termDescriptors/${id}`)).body).toMatchObject({ description: 'More' });
    });

    test('when it is put with another code value, then 400 says that its key cannot change', async () => {
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

    test('when it is deleted while a document names it, then 409 names the resource', async () => {
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

    test('when it is deleted while nobody names it, then it is gone', async () => {
      const location = await edfi.create('termDescriptors', {
        namespace: 'uri://ed-fi.org/TermDescriptor',
        codeValue: 'Unused',
        shortDescription: 'Unused',
      });
      expect((await edfi.remove(location)).status).toBe(204);
    });
  });

  describe('given a document that others refer to', () => {
    test('when it is deleted, then 409 names the resources of the others', async () => {
      const { schoolId, location } = await edfi.newSchool();
      await edfi.create('classPeriods', { classPeriodName: 'First', schoolReference: { schoolId } });
      expect(told(await edfi.remove(location))).toEqual(referenced('ClassPeriod'));
      await edfi.create('locations', { classroomIdentificationCode: 'A1', schoolReference: { schoolId } });
      expect(told(await edfi.remove(location))).toEqual(referenced('ClassPeriod, Location'));
      expect((await edfi.get(location)).status).toBe(200);
    });

    test('when the others are gone, then it is deleted', async () => {
      const { schoolId, location } = await edfi.newSchool();
      const period = await edfi.create('classPeriods', {
        classPeriodName: 'First',
        schoolReference: { schoolId },
      });
      expect((await edfi.remove(location)).status).toBe(409);
      await edfi.remove(period);
      expect((await edfi.remove(location)).status).toBe(204);
    });

    test('when the others refer to another now, then it is deleted', async () => {
      const [one, two] = [await edfi.newSchool(), await edfi.newSchool()];
      const place = { classroomIdentificationCode: 'B1', schoolReference: { schoolId: one.schoolId } };
      const { id } = await edfi.post('locations', place);
      const moved = { ...place, id, schoolReference: { schoolId: two.schoolId } };
      expect((await edfi.put(`locations/${id}`, moved)).status).toBe(204);
      expect((await edfi.remove(one.location)).status).toBe(204);
    });

    test('when it is put with the same identity, then the references hold', async () => {
      const { schoolId, location } = await edfi.newSchool();
      await edfi.create('classPeriods', { classPeriodName: 'First', schoolReference: { schoolId } });
      const { body } = await edfi.get(location);
      expect((await edfi.put(location, { ...body, nameOfInstitution: 'Renamed' })).status).toBe(204);
    });
  });

  describe('given an identity that may not change', () => {
    test('when a school is put with another number, then 400 says to delete and recreate', async () => {
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

    test('when a student is put with another id of its own, then 400', async () => {
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

    test('when a class period is put with another name, then it has it, under its old id', async () => {
      const { schoolId, period, id, location } = await givenPeriod();
      expect((await edfi.put(location, { ...period, id, classPeriodName: 'Second' })).status).toBe(204);
      expect((await edfi.get(location)).body).toMatchObject({ id, classPeriodName: 'Second' });
      const old = await edfi.post('classPeriods', {
        classPeriodName: 'First',
        schoolReference: { schoolId },
      });
      expect(old.status).toBe(201);
    });

    test('when documents refer to it, then they carry the new name, and their tags change', async () => {
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

    test('when documents refer to those that refer to it, then they follow as well', async () => {
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

    test('when another has the new name already, then 409 tells the values', async () => {
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

    test('when its tag is not the one in If-Match, then 412, and nobody is renamed', async () => {
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

    test('when a school is posted with the number of a district, then 409 tells the value', async () => {
      const number = edfi.fresh();
      await edfi.create('localEducationAgencies', await district(number));
      expect(told(await edfi.post('schools', await edfi.school(number)))).toEqual(
        taken(
          'A natural key conflict occurred when attempting to create a new resource School with a duplicate key. ' +
            `The duplicate keys and values are (schoolId = ${number})`,
        ),
      );
    });

    test('when a district is posted with the number of a school, then 409', async () => {
      const { schoolId } = await edfi.newSchool();
      const answer = await edfi.post('localEducationAgencies', await district(schoolId));
      expect(answer.body).toMatchObject({ status: 409, title: 'Identifying Values Are Not Unique' });
    });

    test('when the district is deleted, then the school may have its number', async () => {
      const number = edfi.fresh();
      const location = await edfi.create('localEducationAgencies', await district(number));
      expect((await edfi.post('schools', await edfi.school(number))).status).toBe(409);
      await edfi.remove(location);
      expect((await edfi.post('schools', await edfi.school(number))).status).toBe(201);
    });

    test('when a document refers to an organization, then a school or a district answers to it', async () => {
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

    test('when a school is referred to as an organization, then it cannot be deleted', async () => {
      const { schoolId, location } = await edfi.newSchool();
      await edfi.create('programs', {
        programName: 'Bilingual',
        programTypeDescriptor: await edfi.descriptor('programTypeDescriptor', 'Bilingual'),
        educationOrganizationReference: { educationOrganizationId: schoolId },
      });
      expect(told(await edfi.remove(location))).toEqual(referenced('Program'));
    });

    test('when a school belongs to its own district, then the district cannot be deleted', async () => {
      const localEducationAgencyId = edfi.fresh();
      const location = await edfi.create('localEducationAgencies', await district(localEducationAgencyId));
      await edfi.newSchool({ localEducationAgencyReference: { localEducationAgencyId } });
      expect(told(await edfi.remove(location))).toEqual(referenced('School'));
    });

    test('when a district is its own parent, then it can be deleted', async () => {
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
