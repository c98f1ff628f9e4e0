/** What an Ed-Fi model is made of: its files and its projections. `@sluice/edfi/profile` has its way of speaking over HTTP. */
export { modelFormat, readModel } from './model/model-format.ts';
export {
  edfiOrganizations,
  organizationHierarchy,
  type OrganizationResource,
} from './projections/organization-hierarchy.ts';
export { projectionsOf } from './projections/projections-of.ts';
export { studentSchoolAuthorization, type StudentSchoolResource } from './projections/student-school.ts';
