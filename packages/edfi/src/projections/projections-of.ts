/** The projections of an Ed-Fi model: the hierarchy of organizations, and the schools of each student. */
import type { Projection } from 'sluice/internal/batch';
import type { Model } from 'sluice/model';
import { edfiOrganizations, organizationHierarchy } from './organization-hierarchy.ts';
import { studentSchoolAuthorization } from './student-school.ts';

/** The projections whose resources the model has. */
export function projectionsOf(model: Model): Projection[] {
  const isKnown = (endpoint: string): boolean => model.findEndpoint(endpoint)?.endpoint === endpoint;
  const organizations = edfiOrganizations.filter(({ endpoint }) => isKnown(endpoint));
  const authorization = studentSchoolAuthorization();
  return [
    ...(organizations.length === 0 ? [] : [organizationHierarchy(organizations)]),
    ...(authorization.resources.every(isKnown) ? [authorization] : []),
  ];
}
