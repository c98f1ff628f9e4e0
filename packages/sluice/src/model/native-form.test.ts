import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseModel } from './read-model.ts';

const school = { name: 'School', endpoint: 'sample/schools', identity: ['$.schoolId'] };
const room = {
  name: 'Room',
  endpoint: 'sample/rooms',
  identity: ['$.roomName', '$.schoolReference.schoolId'],
  references: [
    { resource: 'School', paths: [{ identity: '$.schoolId', path: '$.schoolReference.schoolId' }] },
  ],
};
const read = (resources: unknown[], more: object = {}) =>
  parseModel({ project: 'Sample', resources, ...more }, 'model.json');

describe('the native form', () => {
  it('the native form finds a resource by name, or by endpoint in any case, with or without a slash', () => {
    const model = read([school, room]);
    const found = model.findEndpoint('sample/rooms');
    expect(found).toMatchObject({
      project: 'Sample',
      name: 'Room',
      allowIdentityUpdates: false,
      jsonSchema: null,
    });
    expect(model.findEndpoint('/Sample/ROOMS')).toBe(found);
    expect(model.findResource('Sample', 'Room')).toBe(found);
    expect(model.findEndpoint('sample/halls')).toBeUndefined();
  });

  it('the native form reads the example of docs/model.md', () => {
    const readme = readFileSync(new URL('../../../../docs/model.md', import.meta.url), 'utf8');
    const example = /```json\n(.*?)```/s.exec(readme)?.[1] ?? '';
    expect(parseModel(JSON.parse(example)).resources.map(({ name }) => name)).toEqual([
      'GradeLevelDescriptor',
      'School',
    ]);
  });

  it('the native form has a hash that depends on its content, not on its order', () => {
    const reordered = Object.fromEntries(Object.entries(room).toReversed());
    expect(read([reordered, school]).hash).toBe(read([school, room]).hash);
    expect(read([school, room]).hash).toMatch(/^[0-9a-f]{64}$/);
    expect(read([school, { ...room, allowIdentityUpdates: true }]).hash).not.toBe(read([school, room]).hash);
    expect(read([school, { ...room, schema: { type: 'object' } }]).hash).not.toBe(read([school, room]).hash);
  });

  it('the native form keeps the hash that existing databases hold', () => {
    const resources = [{ name: 'Order', endpoint: 'shop/orders', identity: ['$.number'] }];
    expect(parseModel({ project: 'Shop', resources }).hash).toBe(
      'e0e27dcfa3fdec83acb05d9e74b870327f03d29f0cb6fe2a393276c29fd8711e',
    );
  });

  it('the native form has another hash for another layout of referentialIds', () => {
    const json = { project: 'Sample', resources: [school] };
    expect(parseModel(json, 'model.json', { referentialIdLayout: '2025' }).hash).not.toBe(
      parseModel(json).hash,
    );
  });

  const [reference] = room.references;
  const pairs = room.references.flatMap(({ paths }) => paths);
  const withPaths = (paths: unknown[]) => [school, { ...room, references: [{ resource: 'School', paths }] }];
  it.each([
    [
      [school, { ...room, references: [{ ...reference, resource: 'Scool' }] }],
      "resources[1].references[0].resource names no resource: 'Scool'",
    ],
    [
      withPaths([{ identity: '$.id', path: '$.schoolReference.id' }]),
      "resources[1].references[0].paths leaves out '$.schoolId' of 'School'",
    ],
    [
      withPaths([...pairs, { identity: '$.id', path: '$.schoolReference.id' }]),
      "resources[1].references[0].paths names no identity path of 'School': '$.id'",
    ],
    [
      withPaths([...pairs, ...pairs]),
      "resources[1].references[0].paths gives '$.schoolId' of 'School' twice",
    ],
    [
      [school, { ...room, endpoint: 'sample/Schools' }],
      "resources[1].endpoint is already the endpoint of 'Sample/School': 'sample/Schools'",
    ],
    [
      [school, { ...school, endpoint: 'sample/academies' }],
      "resources[1].name is the name of another resource: 'Sample/School'",
    ],
    [
      [{ ...school, superclass: { resource: 'Organization' } }],
      "resources[0].superclass.resource names no resource: 'Organization'",
    ],
    [[{ ...school, identity: [] }], 'resources[0].identity is missing'],
    [
      [{ ...school, identity: ['schoolId'] }],
      'resources[0].identity[0] is not a path such as $.sections[*].sectionIdentifier',
    ],
    [[{ ...school, identity: ['$.ids[*]'] }], 'resources[0].identity[0] may not pass through an array'],
    [[{ ...school, endpoint: 'schools' }], 'resources[0].endpoint is not an endpoint such as sample/schools'],
    [
      [{ ...school, isDescriptor: true }],
      'resources[0].identity is given for a descriptor, which is known by its namespace and codeValue',
    ],
  ])('the native form reports a fault with its place (%#)', (resources, sentence) => {
    expect(() => read(resources)).toThrow(`Cannot read the model: ${sentence} (model.json)`);
  });

  it('the native form refuses a superclass whose identity is not that of the subclass', () => {
    const abstracts = [{ name: 'Organization', identity: ['$.organizationId'] }];
    expect(() => read([{ ...school, superclass: { resource: 'Organization' } }], { abstracts })).toThrow(
      "Cannot read the model: resources[0].superclass gives '$.schoolId' where 'Organization' has '$.organizationId'",
    );
  });

  it('the native form refuses pairs of one reference that lead through different arrays', () => {
    const path = { identity: '$.roomName', path: '$.rooms[*].roomName' };
    const other = { identity: '$.schoolReference.schoolId', path: '$.schools[*].schoolId' };
    const tour = {
      ...school,
      name: 'Tour',
      endpoint: 'sample/tours',
      references: [{ resource: 'Room', paths: [path, other] }],
    };
    expect(() => read([school, room, tour])).toThrow(
      "lead through different arrays: '$.schools[*].schoolId'",
    );
  });

  it.each([
    null,
    3,
    {},
    { project: 'Sample' },
    { project: 'Sample', resources: [{}] },
    { projectSchemas: 1 },
  ])('the native form refuses a value that is no model: %j', (json) => {
    expect(() => parseModel(json, 'model.json')).toThrow(/^Cannot read the model: .* \(model\.json\)$/);
  });
});
