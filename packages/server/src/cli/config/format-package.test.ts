import { describe, expect, it } from 'vitest';
import { parseModel, type ModelFile } from 'sluice/model';
import { formatOf, profileOfFormat, projectionsOfFormat } from './format-package.ts';

const native: ModelFile = {
  json: { project: 'Shop', resources: [{ name: 'Order', endpoint: 'shop/orders', identity: ['$.number'] }] },
  source: 'shop.json',
};
const schools = {
  resourceName: 'School',
  isDescriptor: false,
  identityJsonPaths: ['$.schoolId'],
  documentPathsMapping: {},
};
const foreign: ModelFile = {
  json: { projectSchemas: { 'ed-fi': { projectName: 'Ed-Fi', resourceSchemas: { schools } } } },
  source: 'ApiSchema.json',
};

describe('the package that a model file needs', () => {
  it('model files in the native form need no package', async () => {
    expect(await formatOf([native])).toBeUndefined();
    const model = parseModel(native.json);
    expect(await profileOfFormat(model)).toBeUndefined();
    expect(await projectionsOfFormat(model)).toEqual([]);
  });

  it('the package of a model file is loaded by name, with its profile and projections', async () => {
    const format = await formatOf([native, foreign]);
    expect(format?.name).toBe('@sluice/edfi');
    const model = parseModel(foreign.json, foreign.source, { format });
    expect(model.format).toBe('@sluice/edfi');
    expect(await profileOfFormat(model)).toBeTypeOf('function');
    expect((await projectionsOfFormat(model)).map(({ name }) => name)).toEqual(['organization_hierarchy']);
  });
});
