// The smallest model in which everything can happen: plain documents, twins of one superclass, references in and out of
// arrays, and references that may go round in a circle.

import { parseModel, type Resource } from '@sluice/model';

export const model = parseModel({
  project: 'Test',
  abstracts: [{ name: 'Organization', identity: ['$.organizationId'] }],
  resources: [
    {
      name: 'School',
      endpoint: 'test/schools',
      identity: ['$.schoolId'],
      superclass: { resource: 'Organization', identityPath: '$.organizationId' },
    },
    {
      name: 'District',
      endpoint: 'test/districts',
      identity: ['$.districtId'],
      superclass: { resource: 'Organization', identityPath: '$.organizationId' },
    },
    { name: 'Note', endpoint: 'test/notes', identity: ['$.noteId'] },
    {
      name: 'Enrolment',
      endpoint: 'test/enrolments',
      identity: ['$.enrolmentId'],
      references: [
        {
          resource: 'School',
          paths: [{ identity: '$.schoolId', path: '$.schoolReference.schoolId' }],
        },
        {
          resource: 'Note',
          paths: [{ identity: '$.noteId', path: '$.remarks[*].noteReference.noteId' }],
        },
      ],
    },
    {
      name: 'Friend',
      endpoint: 'test/friends',
      identity: ['$.friendId'],
      references: [
        {
          resource: 'Friend',
          paths: [{ identity: '$.friendId', path: '$.knows[*].friendReference.friendId' }],
        },
      ],
    },
  ],
});

/** A resource of the model by its last name: `schools`. */
export function resource(name: 'schools' | 'districts' | 'notes' | 'enrolments' | 'friends'): Resource {
  return model.findEndpoint(`test/${name}`)!;
}
