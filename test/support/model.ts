// The model of the tests, in which everything can happen: plain documents, twins of one superclass, an identity that may
// change, references in and out of arrays, and references that may form a cycle. Each reference may be left out.
//
// Models of their own have: what runs outside of the tests' process (chaos and simulation: one thing that refers to
// others, which the check of a run reads without a model); the property of the plan, whose names are its identities
// (plan-case.ts); and tests of how models are read and of what identities are made of, which are about the model.

import { parseModel, type Resource } from 'sluice/model';

const superclass = { resource: 'Organization', identityPath: '$.organizationId' };

/** A reference to a document by its one identity member: `to('Note', 'noteId', '$.noteReference')`. */
const to = (name: string, member: string, path: string) => ({
  resource: name,
  paths: [{ identity: `$.${member}`, path: `${path}.${member}` }],
});

export const model = parseModel({
  project: 'Test',
  abstracts: [{ name: 'Organization', identity: ['$.organizationId'] }],
  resources: [
    {
      name: 'School',
      endpoint: 'test/schools',
      identity: ['$.schoolId'],
      superclass,
      allowIdentityUpdates: true,
      references: [to('Note', 'noteId', '$.noteReference')],
    },
    { name: 'District', endpoint: 'test/districts', identity: ['$.districtId'], superclass },
    {
      name: 'Note',
      endpoint: 'test/notes',
      identity: ['$.noteId'],
      references: [to('District', 'districtId', '$.districtReference')],
    },
    {
      name: 'Enrolment',
      endpoint: 'test/enrolments',
      identity: ['$.enrolmentId'],
      references: [
        to('School', 'schoolId', '$.schoolReference'),
        to('Organization', 'organizationId', '$.ownerReference'),
        to('Note', 'noteId', '$.remarks[*].noteReference'),
        to('Enrolment', 'enrolmentId', '$.before.enrolmentReference'),
      ],
    },
    {
      name: 'Friend',
      endpoint: 'test/friends',
      identity: ['$.friendId'],
      references: [to('Friend', 'friendId', '$.knows[*].friendReference')],
    },
  ],
});

/** A resource of the model by its last name: `schools`. */
export function resource(name: 'schools' | 'districts' | 'notes' | 'enrolments' | 'friends'): Resource {
  return model.findEndpoint(`test/${name}`)!;
}
