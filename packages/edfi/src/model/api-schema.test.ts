import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { describeDocument, parseModel as parse } from 'sluice/model';
import { modelFormat, readModel } from './model-format.ts';

const parseModel = (json: unknown, source?: string) => parse(json, source, { format: modelFormat });

const resource = (resourceName: string, more: object = {}) => ({
  resourceName,
  isDescriptor: false,
  isResourceExtension: false,
  allowIdentityUpdates: false,
  identityJsonPaths: [],
  documentPathsMapping: {},
  isSubclass: false,
  ...more,
});

const core = {
  projectSchemas: {
    'ed-fi': {
      projectName: 'Ed-Fi',
      abstractResources: { EducationOrganization: { identityJsonPaths: ['$.educationOrganizationId'] } },
      resourceSchemas: {
        schools: resource('School', {
          identityJsonPaths: ['$.schoolId'],
          isSubclass: true,
          subclassType: 'domainEntity',
          superclassProjectName: 'Ed-Fi',
          superclassResourceName: 'EducationOrganization',
          superclassIdentityJsonPath: '$.educationOrganizationId',
          jsonSchemaForInsert: { type: 'object', properties: { schoolId: { type: 'integer' } } },
        }),
      },
    },
  },
};

/** An extension in the form that has one project to a file. */
const extension = (name: string) => ({
  projectSchema: {
    projectName: name,
    projectEndpointName: name.toLowerCase(),
    resourceSchemas: {
      colorDescriptors: resource(`${name}ColorDescriptor`, { isDescriptor: true }),
      schools: resource('School', {
        isResourceExtension: true,
        documentPathsMapping: {
          Color: {
            isReference: true,
            isDescriptor: true,
            projectName: name,
            resourceName: `${name}ColorDescriptor`,
            path: `$._ext.${name.toLowerCase()}.colorDescriptor`,
          },
        },
        jsonSchemaForInsert: {
          properties: { _ext: { type: 'object', properties: { [name.toLowerCase()]: { type: 'object' } } } },
        },
      }),
    },
  },
});

async function readFiles(...contents: unknown[]) {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-model-'));
  try {
    const files = contents.map((_, index) => join(folder, `${index}.json`));
    await Promise.all(files.map((file, index) => writeFile(file, JSON.stringify(contents[index]))));
    return await readModel(files);
  } finally {
    await rm(folder, { recursive: true });
  }
}

describe('an ApiSchema', () => {
  it('an ApiSchema gives each resource an endpoint of project and resource name', () => {
    expect(parseModel(core).findEndpoint('ed-fi/schools')).toMatchObject({
      project: 'Ed-Fi',
      name: 'School',
      superclass: { project: 'Ed-Fi', name: 'EducationOrganization' },
    });
  });

  it('an ApiSchema takes extensions from other files, in any order', async () => {
    const model = await readFiles(core, extension('Red'), extension('Blue'));
    expect((await readFiles(extension('Blue'), extension('Red'), core)).hash).toBe(model.hash);
    expect(model.resources.map(({ endpoint }) => endpoint)).toEqual([
      'blue/colorDescriptors',
      'ed-fi/schools',
      'red/colorDescriptors',
    ]);

    const school = model.findEndpoint('ed-fi/schools')!;
    const extended = { red: { colorDescriptor: 'x#Rose' }, blue: { colorDescriptor: 'x#Sky' } };
    const { references } = describeDocument(school, { schoolId: 1, _ext: extended });
    expect(references.map(({ path }) => path)).toEqual([
      '$._ext.blue.colorDescriptor',
      '$._ext.red.colorDescriptor',
    ]);
    expect(school.jsonSchema).toEqual({
      type: 'object',
      properties: {
        schoolId: { type: 'integer' },
        _ext: { type: 'object', properties: { blue: { type: 'object' }, red: { type: 'object' } } },
      },
    });
  });

  it('an ApiSchema refuses an extension of a resource that no file has', () => {
    expect(() => parseModel(extension('Red'), 'red.json')).toThrow(
      "Cannot read the model: projectSchema.resourceSchemas.schools.resourceName names no resource to extend: 'School' (red.json)",
    );
  });

  it('an ApiSchema names the place of a fault', async () => {
    const broken = structuredClone(core) as {
      projectSchemas: { 'ed-fi': { resourceSchemas: Record<string, unknown> } };
    };
    broken.projectSchemas['ed-fi'].resourceSchemas['rooms'] = resource('Room', {
      identityJsonPaths: ['roomName'],
    });
    expect(() => parseModel(broken, 'core.json')).toThrow(
      'Cannot read the model: projectSchemas.ed-fi.resourceSchemas.rooms.identityJsonPaths[0] is not a path',
    );
    await expect(readModel('/nowhere/model.json')).rejects.toThrow('ENOENT');
  });
});
