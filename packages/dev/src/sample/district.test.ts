import { describeDocument, readModel } from 'sluice/model';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { generateDistrict, sampleModelFile } from './district.ts';

const model = await readModel(sampleModelFile);

function describeAll(options: Parameters<typeof generateDistrict>[0]) {
  return [...generateDistrict(options)].map(({ endpoint, document }) => {
    const resource = model.findEndpoint(endpoint);
    if (resource === undefined) throw new Error(`the sample model has no endpoint ${endpoint}`);
    return { resource, document, ...describeDocument(resource, document) };
  });
}

describe('the sample district', () => {
  const district = describeAll({ seed: 1 });

  it('the sample district has about five thousand documents of realistic size', () => {
    expect(district.length).toBeGreaterThan(4_500);
    expect(district.length).toBeLessThan(5_500);
    const bytes = district.reduce((sum, { document }) => sum + JSON.stringify(document).length, 0);
    expect(bytes / district.length).toBeGreaterThan(250);
    expect(bytes / district.length).toBeLessThan(600);
  });

  it('the sample district has documents of every resource, valid by its schema', () => {
    expect(new Set(district.map(({ resource }) => resource))).toEqual(new Set(model.resources));
    const schemas = new Map(
      model.resources.map((resource) => [
        resource,
        z.fromJSONSchema(resource.jsonSchema as Record<string, unknown>),
      ]),
    );
    for (const { resource, document } of district)
      expect(schemas.get(resource)?.safeParse(document).error).toBeUndefined();
  });

  it.each([
    { seed: 1 },
    { seed: 2, schools: 10, studentsPerSchool: 7 },
    { seed: 3, schools: 1, studentsPerSchool: 0 },
  ])('the sample district refers only to earlier documents: %j', (options) => {
    const known = new Set<string>();
    for (const { referentialId, superclassId, references } of describeAll(options)) {
      expect(references.filter((reference) => !known.has(reference.referentialId))).toEqual([]);
      for (const id of [referentialId, superclassId]) {
        if (id === null) continue;
        expect(known.has(id)).toBe(false);
        known.add(id);
      }
    }
  });

  it('the sample district is the same for the same seed, and different for another', () => {
    const text = (seed: number) =>
      JSON.stringify([...generateDistrict({ seed, schools: 1, studentsPerSchool: 20 })]);
    expect(text(7)).toBe(text(7));
    expect(text(7)).not.toBe(text(8));
  });
});
