/** Ed-Fi models: their files and their projections. `@sluice/edfi/profile` has the HTTP dialect. */
export { modelFormat, readModel } from './model/model-format.ts';
export {
  edfiOrganizations,
  organizationHierarchy,
  type OrganizationResource,
} from './projections/organization-hierarchy.ts';
export { projectionsOf } from './projections/projections-of.ts';
export { studentSchoolAuthorization, type StudentSchoolResource } from './projections/student-school.ts';
