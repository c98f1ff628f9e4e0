/**
 * Reads an Ed-Fi `ApiSchema.json` as published: all projects in one file (`projectSchemas`) or one project
 * (`projectSchema`). An extension adds resources of its own, and extends resources of the core.
 */
import * as z from 'zod';
import {
  DESCRIPTOR_PATH,
  isModelPath,
  modelFault,
  parseForm,
  type AbstractDefinition,
  type ModelDefinition,
  type ProjectInfo,
  type QueryField,
  type ReferenceDefinition,
} from 'sluice/model';
import type { ApiRules } from './api-rules.ts';
import type { EdFiResource, ResourceExtension } from './merge-extensions.ts';

const path = z
  .string()
  .refine(isModelPath, { error: 'is not a path such as $.sections[*].sectionIdentifier' });
const target = { projectName: z.string(), resourceName: z.string() };

const documentPath = z.union([
  z.object({
    ...target,
    isReference: z.literal(true),
    isDescriptor: z.literal(false),
    referenceJsonPaths: z.array(z.object({ identityJsonPath: path, referenceJsonPath: path })).min(1),
  }),
  z.object({ ...target, isReference: z.literal(true), isDescriptor: z.literal(true), path }),
  z.object({ isReference: z.literal(false) }),
]);

const resourceSchema = z.object({
  resourceName: z.string(),
  isDescriptor: z.boolean(),
  isResourceExtension: z.boolean().default(false),
  allowIdentityUpdates: z.boolean().default(false),
  identityJsonPaths: z.array(path),
  documentPathsMapping: z.record(z.string(), documentPath),
  isSubclass: z.boolean().default(false),
  superclassProjectName: z.string().optional(),
  superclassResourceName: z.string().optional(),
  superclassIdentityJsonPath: path.nullish(),
  jsonSchemaForInsert: z.record(z.string(), z.unknown()).nullish(),
  numericJsonPaths: z.array(z.string()).default([]),
  booleanJsonPaths: z.array(z.string()).default([]),
  equalityConstraints: z
    .array(z.object({ sourceJsonPath: z.string(), targetJsonPath: z.string() }))
    .default([]),
  dateTimeJsonPaths: z.array(z.string()).default([]),
  decimalPropertyValidationInfos: z
    .array(z.object({ path, totalDigits: z.number().nullish(), decimalPlaces: z.number().nullish() }))
    .default([]),
  arrayUniquenessConstraints: z.array(z.unknown()).default([]),
  queryFieldMapping: z.record(z.string(), z.array(z.object({ path, type: z.string() })).min(1)).default({}),
  isSchoolYearEnumeration: z.boolean().default(false),
});

const projectSchema = z.object({
  projectName: z.string(),
  projectVersion: z.string().default(''),
  description: z.string().default(''),
  projectEndpointName: z.string().optional(),
  abstractResources: z.record(z.string(), z.object({ identityJsonPaths: z.array(path).min(1) })).default({}),
  resourceSchemas: z.record(z.string(), resourceSchema),
});

const apiSchema = z.object({
  projectSchemas: z.record(z.string(), projectSchema).optional(),
  projectSchema: projectSchema.optional(),
});

export interface ApiSchemaDefinition extends ModelDefinition {
  readonly resources: readonly EdFiResource[];
  readonly extensions: readonly ResourceExtension[];
}

export function isApiSchema(json: unknown): boolean {
  return typeof json === 'object' && json !== null && ('projectSchemas' in json || 'projectSchema' in json);
}

export function readApiSchema(json: unknown, source: string): ApiSchemaDefinition {
  const file = parseForm(apiSchema, json, source);
  const abstracts: AbstractDefinition[] = [];
  const infos: ProjectInfo[] = [];
  const resources: EdFiResource[] = [];
  const extensions: ResourceExtension[] = [];

  const projects = Object.entries(file.projectSchemas ?? {}).map(([key, project]) => {
    return { at: `projectSchemas.${key}`, endpoint: project.projectEndpointName ?? key, project };
  });
  if (file.projectSchema !== undefined) {
    const { projectEndpointName } = file.projectSchema;
    if (projectEndpointName === undefined) {
      throw modelFault('projectSchema.projectEndpointName', 'is missing', source);
    }
    projects.push({ at: 'projectSchema', endpoint: projectEndpointName, project: file.projectSchema });
  }

  for (const { at, endpoint, project } of projects) {
    const { projectName, projectVersion, description } = project;
    infos.push({ name: projectName, endpoint, version: projectVersion, description });
    for (const [name, { identityJsonPaths }] of Object.entries(project.abstractResources)) {
      abstracts.push({ project: project.projectName, name, identityPaths: identityJsonPaths });
    }
    for (const [key, schema] of Object.entries(project.resourceSchemas)) {
      const place = { at: `${at}.resourceSchemas.${key}`, source };
      const resource = readResource(schema, project.projectName, `${endpoint}/${key}`, place);
      if (schema.isResourceExtension) extensions.push({ name: resource.name, addition: resource });
      else resources.push(resource);
    }
  }
  return { abstracts, resources, extensions, projects: infos };
}

function readResource(
  schema: z.infer<typeof resourceSchema>,
  project: string,
  endpoint: string,
  place: { at: string; source: string },
): EdFiResource {
  const { isDescriptor, superclassProjectName, superclassResourceName } = schema;
  const hasIdentity = isDescriptor || schema.isResourceExtension || schema.identityJsonPaths.length > 0;
  if (!hasIdentity) throw modelFault(`${place.at}.identityJsonPaths`, 'is empty', place.source);
  if (schema.isSubclass && (superclassProjectName === undefined || superclassResourceName === undefined)) {
    throw modelFault(`${place.at}.superclassResourceName`, 'is missing', place.source);
  }
  return {
    project,
    name: schema.resourceName,
    endpoint,
    isDescriptor,
    allowIdentityUpdates: schema.allowIdentityUpdates,
    identityPaths: isDescriptor ? [DESCRIPTOR_PATH] : schema.identityJsonPaths,
    references: readReferences(schema, place.at),
    superclass: schema.isSubclass
      ? {
          project: superclassProjectName!,
          name: superclassResourceName!,
          // Set for the subclass of a domain entity; an association keeps the names of its elements.
          renamedTo: schema.superclassIdentityJsonPath ?? null,
        }
      : null,
    jsonSchema: schema.jsonSchemaForInsert ?? null,
    numericPaths: schema.numericJsonPaths,
    booleanPaths: schema.booleanJsonPaths,
    equalityConstraints: schema.equalityConstraints.map((constraint) => ({
      source: constraint.sourceJsonPath,
      target: constraint.targetJsonPath,
    })),
    queryFields: readQueryFields(schema),
    rules: readRules(schema),
    ...place,
  };
}

/** Query fields of descriptors, even if the schema maps only `namespace` and `codeValue`. */
const descriptorQueryFields: z.infer<typeof resourceSchema>['queryFieldMapping'] = {
  namespace: [{ path: '$.namespace', type: 'string' }],
  codeValue: [{ path: '$.codeValue', type: 'string' }],
  shortDescription: [{ path: '$.shortDescription', type: 'string' }],
  description: [{ path: '$.description', type: 'string' }],
  effectiveBeginDate: [{ path: '$.effectiveBeginDate', type: 'date' }],
  effectiveEndDate: [{ path: '$.effectiveEndDate', type: 'date' }],
};

function readQueryFields(schema: z.infer<typeof resourceSchema>): QueryField[] {
  const mapping = { ...(schema.isDescriptor ? descriptorQueryFields : {}), ...schema.queryFieldMapping };
  return Object.entries(mapping).map(([name, paths]) => ({ name, paths }));
}

function readRules(schema: z.infer<typeof resourceSchema>): ApiRules {
  return {
    decimals: schema.decimalPropertyValidationInfos.flatMap(({ path, totalDigits, decimalPlaces }) =>
      typeof totalDigits === 'number' && typeof decimalPlaces === 'number'
        ? [{ path, totalDigits, decimalPlaces }]
        : [],
    ),
    dateTimePaths: schema.dateTimeJsonPaths,
    arrayUniqueness: schema.arrayUniquenessConstraints.flatMap((constraint) =>
      readUniqueness(constraint, '$'),
    ),
    isSchoolYear: schema.isSchoolYearEnumeration,
  };
}

/** Published in two forms: a list of paths, or `paths` with constraints nested below a `basePath`. */
function readUniqueness(constraint: unknown, base: string): string[][] {
  if (Array.isArray(constraint)) return [constraint.map((path) => base + String(path).slice(1))];
  if (typeof constraint !== 'object' || constraint === null) return [];
  const { basePath, paths, nestedConstraints } = constraint as Record<string, unknown>;
  const below = typeof basePath === 'string' ? base + basePath.slice(1) : base;
  return [
    ...(Array.isArray(paths) && paths.length > 0 ? readUniqueness(paths, below) : []),
    ...(Array.isArray(nestedConstraints)
      ? nestedConstraints.flatMap((nested) => readUniqueness(nested, below))
      : []),
  ];
}

function readReferences(schema: z.infer<typeof resourceSchema>, at: string): ReferenceDefinition[] {
  const references: ReferenceDefinition[] = [];
  for (const [key, mapping] of Object.entries(schema.documentPathsMapping)) {
    if (!mapping.isReference) continue;
    references.push({
      target: { project: mapping.projectName, name: mapping.resourceName },
      paths: mapping.isDescriptor
        ? [{ identity: DESCRIPTOR_PATH, path: mapping.path }]
        : mapping.referenceJsonPaths.map((pair) => ({
            identity: pair.identityJsonPath,
            path: pair.referenceJsonPath,
          })),
      at: `${at}.documentPathsMapping.${key}`,
    });
  }
  return references;
}
