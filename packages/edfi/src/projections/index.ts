export {
  edfiOrganizations,
  organizationHierarchy,
  type OrganizationResource,
} from './organization-hierarchy.ts';
export { studentSchoolAuthorization, type StudentSchoolResource } from './student-school.ts';
