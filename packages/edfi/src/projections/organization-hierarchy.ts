/**
 * Education organizations with their parents and ancestors (sluice.organization): a school's district, the district's
 * service center, the state agency. It stays correct when a parent comes later, moves or changes its id.
 */
import { defineProjection, type ChangedDocument, type Projection } from 'sluice/internal/batch';

export interface OrganizationResource {
  /** Endpoint, e.g. `ed-fi/schools`. */
  endpoint: string;
  /** Path to the organization's id in its body. */
  id: readonly string[];
  /** Path to the id of each direct parent. */
  parents: readonly (readonly string[])[];
}

const reference = (...steps: string[]): string[] => steps;

/** The organizations of the Ed-Fi Data Standard 5. */
export const edfiOrganizations: readonly OrganizationResource[] = [
  {
    endpoint: 'ed-fi/schools',
    id: ['schoolId'],
    parents: [reference('localEducationAgencyReference', 'localEducationAgencyId')],
  },
  {
    endpoint: 'ed-fi/localEducationAgencies',
    id: ['localEducationAgencyId'],
    parents: [
      reference('parentLocalEducationAgencyReference', 'localEducationAgencyId'),
      reference('educationServiceCenterReference', 'educationServiceCenterId'),
      reference('stateEducationAgencyReference', 'stateEducationAgencyId'),
    ],
  },
  {
    endpoint: 'ed-fi/educationServiceCenters',
    id: ['educationServiceCenterId'],
    parents: [reference('stateEducationAgencyReference', 'stateEducationAgencyId')],
  },
  { endpoint: 'ed-fi/stateEducationAgencies', id: ['stateEducationAgencyId'], parents: [] },
  {
    endpoint: 'ed-fi/organizationDepartments',
    id: ['organizationDepartmentId'],
    parents: [reference('parentEducationOrganizationReference', 'educationOrganizationId')],
  },
  { endpoint: 'ed-fi/communityOrganizations', id: ['communityOrganizationId'], parents: [] },
  {
    endpoint: 'ed-fi/communityProviders',
    id: ['communityProviderId'],
    parents: [reference('communityOrganizationReference', 'communityOrganizationId')],
  },
  { endpoint: 'ed-fi/educationOrganizationNetworks', id: ['educationOrganizationNetworkId'], parents: [] },
  { endpoint: 'ed-fi/postSecondaryInstitutions', id: ['postSecondaryInstitutionId'], parents: [] },
];

export function organizationHierarchy(
  organizations: readonly OrganizationResource[] = edfiOrganizations,
): Projection {
  // A resource without parents still has its row, with a path that finds nothing.
  const rows = organizations.flatMap(({ endpoint, id, parents }) =>
    (parents.length === 0 ? [[]] : parents).map((parent) => ({
      endpoint,
      id: pathText(id),
      parent: parent.length === 0 ? '{-}' : pathText(parent),
    })),
  );
  const places = [rows.map((row) => row.endpoint), rows.map((row) => row.id), rows.map((row) => row.parent)];
  return defineProjection({
    name: 'organization_hierarchy',
    resources: organizations.map(({ endpoint }) => endpoint),
    async apply({ created, updated, deleted }, transaction) {
      // Ancestors depend on rows that other lanes may be changing. Organizations are few and rarely written.
      await transaction.run('lockProjection', ['organization_hierarchy']);
      const present = idsOf([...created, ...updated]);
      await transaction.run('removeOrganizations', [idsOf(deleted)]);
      await transaction.run('placeOrganizations', [present, ...places]);
      await transaction.run('deriveAncestors', [present]);
    },
    listDocuments: listBy('listOrganizations'),
  });
}

export function idsOf(documents: readonly ChangedDocument[]): string[] {
  return documents.map(({ documentId }) => documentId).sort();
}

/** Lists the documents of a projection by one of Sluice's queries. */
export function listBy(query: string): NonNullable<Projection['listDocuments']> {
  return async (after, limit, transaction) =>
    (await transaction.run(query, [after, limit])).map((row) => row['document_id'] as string);
}

/** A path as the text of a `text[]`; names of a model need no quotes. */
export function pathText(steps: readonly string[]): string {
  return `{${steps.map((step) => `"${step}"`).join(',')}}`;
}
