/**
 * The projections that come with a model. All processes of a deployment read the same model, so all of them keep the same
 * derived rows.
 */
import type { Projection } from '@sluice/batch';
import type { Model } from '@sluice/model';

/** Ed-Fi: who is part of which organization, and which organizations speak for a student. Else none. */
export async function projectionsOf(model: Model): Promise<Projection[]> {
  if (model.profile !== 'edfi') return [];
  const { organizationHierarchy, studentSchoolAuthorization } = await import('@sluice/projections');
  return [organizationHierarchy(), studentSchoolAuthorization()];
}
