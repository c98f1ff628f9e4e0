/** Reads the native form of a model: the small JSON file that the README of this package describes. */
import * as z from 'zod';
import { DESCRIPTOR_PATH, modelFault, type ModelDefinition, type ResourceDefinition } from './definition.ts';
import { isModelPath } from './path.ts';
import { parseForm } from './parse-form.ts';

const path = z
  .string()
  .refine(isModelPath, { error: 'is not a path such as $.sections[*].sectionIdentifier' });
const plainPath = path.refine((text) => !text.includes('[*]'), { error: 'may not pass through an array' });
const name = z.string().min(1, { error: 'is empty' });
const endpoint = z
  .string()
  .regex(/^[A-Za-z0-9_-]+\/[A-Za-z0-9_-]+$/, { error: 'is not an endpoint such as sample/schools' });

const target = { project: name.optional(), resource: name };

const nativeResource = z.strictObject({
  project: name.optional(),
  name,
  endpoint,
  identity: z.array(plainPath).optional(),
  isDescriptor: z.boolean().default(false),
  allowIdentityUpdates: z.boolean().default(false),
  superclass: z.strictObject({ ...target, identityPath: plainPath.optional() }).optional(),
  references: z
    .array(
      z.strictObject({ ...target, paths: z.array(z.strictObject({ identity: plainPath, path })).min(1) }),
    )
    .default([]),
  schema: z.record(z.string(), z.unknown()).optional(),
});

const nativeModel = z.strictObject({
  $schema: z.string().optional(),
  project: name,
  abstracts: z.array(z.strictObject({ name, identity: z.array(plainPath).min(1) })).default([]),
  resources: z.array(nativeResource),
});

export function readNativeForm(json: unknown, source: string): ModelDefinition {
  const file = parseForm(nativeModel, json, source);
  return {
    projects: [],
    abstracts: file.abstracts.map(({ name, identity }) => ({
      project: file.project,
      name,
      identityPaths: identity,
    })),
    resources: file.resources.map((resource, index) => {
      const at = `resources[${index}]`;
      const project = resource.project ?? file.project;
      return readResource(resource, project, at, source);
    }),
  };
}

function readResource(
  resource: z.infer<typeof nativeResource>,
  project: string,
  at: string,
  source: string,
): ResourceDefinition {
  const { isDescriptor, identity, superclass } = resource;
  if (isDescriptor && identity !== undefined) {
    throw modelFault(
      `${at}.identity`,
      'is given for a descriptor, which is known by its namespace and codeValue',
      source,
    );
  }
  if (!isDescriptor && (identity === undefined || identity.length === 0)) {
    throw modelFault(`${at}.identity`, 'is missing', source);
  }
  return {
    project,
    name: resource.name,
    endpoint: resource.endpoint,
    isDescriptor,
    allowIdentityUpdates: resource.allowIdentityUpdates,
    identityPaths: identity ?? [DESCRIPTOR_PATH],
    references: resource.references.map((reference, index) => ({
      target: { project: reference.project ?? project, name: reference.resource },
      paths: reference.paths,
      at: `${at}.references[${index}]`,
    })),
    superclass:
      superclass === undefined
        ? null
        : {
            project: superclass.project ?? project,
            name: superclass.resource,
            renamedTo: superclass.identityPath ?? null,
          },
    jsonSchema: resource.schema ?? null,
    numericPaths: [],
    booleanPaths: [],
    equalityConstraints: [],
    queryFields: [],
    rules: null,
    at,
    source,
  };
}
