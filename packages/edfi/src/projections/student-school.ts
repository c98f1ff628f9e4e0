/**
 * The schools that are responsible for a student (sluice.student_school_authorization), counted over all associations
 * between them. Many writes of a batch may affect one row: they are added up and written once, in key order.
 */
import { defineProjection, type Projection } from 'sluice/internal/batch';
import { idsOf, listBy, pathText } from './organization-hierarchy.ts';

export interface StudentSchoolResource {
  /** Endpoint of the associations. @default 'ed-fi/studentSchoolAssociations' */
  endpoint?: string;
  /** Path to the student's id. @default ['studentReference', 'studentUniqueId'] */
  student?: readonly string[];
  /** Path to the school's id. @default ['schoolReference', 'schoolId'] */
  school?: readonly string[];
}

export function studentSchoolAuthorization(options: StudentSchoolResource = {}): Projection {
  const {
    endpoint = 'ed-fi/studentSchoolAssociations',
    student = ['studentReference', 'studentUniqueId'],
    school = ['schoolReference', 'schoolId'],
  } = options;
  return defineProjection({
    name: 'student_school_authorization',
    resources: [endpoint],
    async apply({ created, updated, deleted }, transaction) {
      const counted = await transaction.run('countStudentSchools', [
        idsOf([...created, ...updated]),
        idsOf(deleted),
        pathText(student),
        pathText(school),
      ]);
      const none = counted.filter((row) => (row['associations'] as number) <= 0);
      if (none.length === 0) return;
      await transaction.run('dropUnauthorized', [
        none.map((row) => row['student_id']),
        none.map((row) => row['school_id']),
      ]);
    },
    listDocuments: listBy('listStudentSchools'),
  });
}
