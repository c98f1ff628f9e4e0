import { describe, expect, it } from 'vitest';
import { describeDocument } from './describe-document.ts';
import { ModelError } from './model-error.ts';
import { parseModel } from './read-model.ts';
import { referentialIdOf } from './referential-id.ts';

const definition = {
  project: 'Sample',
  abstracts: [{ name: 'EducationOrganization', identity: ['$.educationOrganizationId'] }],
  resources: [
    {
      name: 'School',
      endpoint: 'sample/schools',
      identity: ['$.schoolId'],
      superclass: { resource: 'EducationOrganization', identityPath: '$.educationOrganizationId' },
      references: [
        {
          resource: 'GradeLevelDescriptor',
          paths: [{ identity: '$.descriptor', path: '$.gradeLevels[*].gradeLevelDescriptor' }],
        },
      ],
    },
    { name: 'GradeLevelDescriptor', endpoint: 'sample/gradeLevelDescriptors', isDescriptor: true },
    {
      name: 'Period',
      endpoint: 'sample/periods',
      identity: ['$.periodName', '$.schoolReference.schoolId'],
      references: [
        { resource: 'School', paths: [{ identity: '$.schoolId', path: '$.schoolReference.schoolId' }] },
        {
          resource: 'Period',
          paths: [
            { identity: '$.schoolReference.schoolId', path: '$.days[*].slots[*].periodReference.schoolId' },
            { identity: '$.periodName', path: '$.days[*].slots[*].periodReference.periodName' },
          ],
        },
      ],
    },
    { name: 'Plan', endpoint: 'sample/plans', identity: ['$.isDraft', '$.planTypeDescriptor'] },
  ],
};
const model = parseModel(definition);
const resource = (name: string) => model.findResource('Sample', name)!;
const period = { periodName: 'P1', schoolReference: { schoolId: 1 } };

function fault(name: string, document: unknown): Pick<ModelError, 'code' | 'path' | 'message'> {
  try {
    describeDocument(resource(name), document);
  } catch (error) {
    if (error instanceof ModelError) return { code: error.code, path: error.path, message: error.message };
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('the identity of a document', () => {
  it('the identity of a document is read in the order of the model and hashed', () => {
    const { identity, referentialId, superclassId } = describeDocument(resource('Period'), period);
    expect(identity).toEqual([
      { path: '$.periodName', value: 'P1' },
      { path: '$.schoolReference.schoolId', value: '1' },
    ]);
    expect(referentialId).toBe(referentialIdOf('Sample', 'Period', identity));
    expect(superclassId).toBeNull();
  });

  it('the identity of a document is the same for a number and for the string that spells it', () => {
    const asText = describeDocument(resource('School'), { schoolId: '5' });
    expect(asText.referentialId).toBe(describeDocument(resource('School'), { schoolId: 5 }).referentialId);
  });

  it('the identity of a document has a second name under the superclass', () => {
    const { superclassId, superclassIdentity } = describeDocument(resource('School'), { schoolId: 5 });
    expect(superclassIdentity).toEqual([{ path: '$.educationOrganizationId', value: '5' }]);
    expect(superclassId).toBe(referentialIdOf('Sample', 'EducationOrganization', superclassIdentity!));
  });

  it('the identity of a descriptor is its namespace and code value, without case', () => {
    const one = describeDocument(resource('GradeLevelDescriptor'), {
      namespace: 'uri://x/G',
      codeValue: 'First',
    });
    const other = describeDocument(resource('GradeLevelDescriptor'), {
      namespace: 'uri://X/g',
      codeValue: 'FIRST',
    });
    expect(one.identity).toEqual([{ path: '$.descriptor', value: 'uri://x/g#first' }]);
    expect(one.referentialId).toBe(other.referentialId);
  });

  it('the identity of a document takes descriptor values without case, and booleans as words', () => {
    const { identity } = describeDocument(resource('Plan'), {
      isDraft: true,
      planTypeDescriptor: 'uri://x#A',
    });
    expect(identity.map((element) => element.value)).toEqual(['true', 'uri://x#a']);
    const old = parseModel(definition, 'test', { referentialIdLayout: '2025' }).findResource(
      'Sample',
      'Plan',
    )!;
    expect(
      describeDocument(old, { isDraft: true, planTypeDescriptor: 'uri://x#A' }).identity.at(1)?.value,
    ).toBe('uri://x#A');
  });

  it.each([
    ['Period', { periodName: 'P1' }, '$.schoolReference.schoolId'],
    ['Period', { periodName: null, schoolReference: { schoolId: 1 } }, '$.periodName'],
    ['GradeLevelDescriptor', { namespace: 'uri://x' }, '$.codeValue'],
  ])('a document without an identifying value is refused at its path: %s %j', (name, document, path) => {
    expect(fault(name, document)).toEqual({
      code: 'identity_missing',
      path,
      message: `Cannot identify the ${name}: ${path} is missing`,
    });
  });
});

describe('a reference', () => {
  it('a reference is found in each element of an array, once for each document that it names', () => {
    const { references } = describeDocument(resource('School'), {
      schoolId: 1,
      gradeLevels: [
        { gradeLevelDescriptor: 'uri://x/G#First' },
        { gradeLevelDescriptor: 'uri://x/G#first' },
        {},
        { gradeLevelDescriptor: 'uri://x/G#Second' },
      ],
    });
    expect(references.map((reference) => reference.path)).toEqual([
      '$.gradeLevels[0].gradeLevelDescriptor',
      '$.gradeLevels[3].gradeLevelDescriptor',
    ]);
    expect(references[0]).toMatchObject({
      project: 'Sample',
      resource: 'GradeLevelDescriptor',
      isDescriptor: true,
    });
  });

  it('a reference is found through nested arrays, in the order of the identity that it names', () => {
    const { references } = describeDocument(resource('Period'), {
      ...period,
      days: [{}, { slots: [{ periodReference: { schoolId: 2, periodName: 'P2' } }] }],
    });
    expect(references.map((reference) => reference.path)).toEqual([
      '$.schoolReference',
      '$.days[1].slots[0].periodReference',
    ]);
    const target = describeDocument(resource('Period'), {
      periodName: 'P2',
      schoolReference: { schoolId: 2 },
    });
    expect(references.at(1)?.identity).toEqual(target.identity);
    expect(references.at(1)?.referentialId).toBe(target.referentialId);
  });

  it('a reference is absent if all its parts are absent', () => {
    const document = { ...period, days: [{ slots: [{ periodReference: {} }, { periodReference: null }] }] };
    expect(describeDocument(resource('Period'), document).references).toHaveLength(1);
  });

  it('a reference is a fault if one of its parts is absent', () => {
    const document = { ...period, days: [{ slots: [{ periodReference: { schoolId: 2 } }] }] };
    expect(fault('Period', document)).toMatchObject({
      code: 'invalid_document',
      path: '$.days[0].slots[0].periodReference.periodName',
    });
  });
});

describe('a document', () => {
  it.each([
    ['School', [], '$'],
    ['School', 'text', '$'],
    ['School', { schoolId: {} }, '$.schoolId'],
    ['School', { schoolId: 2 ** 53 }, '$.schoolId'],
    ['School', { schoolId: 1, gradeLevels: {} }, '$.gradeLevels'],
    ['School', { schoolId: 1, gradeLevels: ['x'] }, '$.gradeLevels[0]'],
    ['Period', { periodName: 'P', schoolReference: 'x' }, '$.schoolReference'],
  ])('a document is refused if it does not fit the resource %s: %j', (name, document, path) => {
    expect(fault(name, document)).toMatchObject({ code: 'invalid_document', path });
  });

  it('a document is refused if its identity could be read as another one', () => {
    const plan = (periodName: string, schoolId: string) => ({ periodName, schoolReference: { schoolId } });
    const between = '#$.schoolReference.schoolId=';
    for (const document of [plan(`One${between}2`, '3'), plan('One', `2${between}3`)]) {
      expect(() => describeDocument(resource('Period'), document)).toThrow(
        'contains the text that separates identifying values',
      );
    }
    expect(describeDocument(resource('Period'), plan('One#$', '2')).referentialId).not.toBe(
      describeDocument(resource('Period'), plan('One', '#$2')).referentialId,
    );
  });
});
