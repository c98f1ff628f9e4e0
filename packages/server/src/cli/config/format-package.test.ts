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
  it('is none for files in the native form', async () => {
    expect(await formatOf([native])).toBeUndefined();
    const model = parseModel(native.json);
    expect(await profileOfFormat(model)).toBeUndefined();
    expect(await projectionsOfFormat(model)).toEqual([]);
  });

  it('is loaded by its name, with the profile and the projections of such a model', async () => {
    const format = await formatOf([native, foreign]);
    expect(format?.name).toBe('@sluice/edfi');
    const model = parseModel(foreign.json, foreign.source, { format });
    expect(model.format).toBe('@sluice/edfi');
    expect(await profileOfFormat(model)).toBeTypeOf('function');
    expect((await projectionsOfFormat(model)).map(({ name }) => name)).toEqual(['organization_hierarchy']);
  });
});
