/** OpenAPI documents of the loaded schemas: one of the resources, one of the descriptors. */
import type { Model, Resource } from 'sluice/model';

type Json = Record<string, unknown>;

export function specificationOf(model: Model, kind: 'resources' | 'descriptors', server: string): Json {
  const resources = model.resources.filter(({ isDescriptor }) => isDescriptor === (kind === 'descriptors'));
  const paths: Json = {};
  const schemas: Json = {};
  for (const resource of resources) {
    const name = schemaName(resource);
    schemas[name] = schemaOf(resource);
    paths[`/${resource.endpoint}`] = collectionOf(resource, name);
    paths[`/${resource.endpoint}/{id}`] = itemOf(resource, name);
  }
  return {
    openapi: '3.0.1',
    info: {
      title: `Ed-Fi ${kind}`,
      version: model.projects.map(({ version }) => version).find((version) => version !== '') ?? '1',
    },
    servers: [{ url: server }],
    paths,
    components: {
      schemas,
      parameters: {
        limit: query('limit', { type: 'integer', minimum: 0, maximum: 500 }),
        offset: query('offset', { type: 'integer', minimum: 0 }),
        totalCount: query('totalCount', { type: 'boolean', default: false }),
        id: { name: 'id', in: 'path', required: true, schema: { type: 'string', format: 'uuid' } },
        'If-Match': { name: 'If-Match', in: 'header', schema: { type: 'string' } },
      },
      responses: Object.fromEntries(
        Object.entries(responses).map(([name, description]) => [name, { description }]),
      ),
    },
    tags: resources.map(({ endpoint }) => ({ name: endpoint.split('/')[1] })),
  };
}

const responses = {
  Created: 'The resource was created.',
  Updated: 'The resource was updated, or is unchanged.',
  NotModified: 'Not modified: the client has this version of the resource.',
  BadRequest: 'The request, or its document, was invalid.',
  NotFound: 'The resource could not be found.',
  Conflict: 'The state of the data does not allow the request.',
  PreconditionFailed: 'The resource has been modified by another client.',
};

const query = (name: string, schema: Json): Json => ({ name, in: 'query', schema });
const shared = (name: string): Json => ({ $ref: `#/components/parameters/${name}` });
const answers = (...names: [status: number, name: keyof typeof responses][]): Json =>
  Object.fromEntries(names.map(([status, name]) => [status, { $ref: `#/components/responses/${name}` }]));

/** `EdFi_School`, `Sample_Bus`. */
const schemaName = ({ project, name }: Resource): string =>
  `${project.replaceAll(/[^A-Za-z0-9]/g, '')}_${name}`;

function schemaOf(resource: Resource): Json {
  const { $schema: _, ...schema } = (resource.jsonSchema ?? { type: 'object' }) as Json;
  return schema;
}

function collectionOf(resource: Resource, name: string): Json {
  const content = { 'application/json': { schema: { $ref: `#/components/schemas/${name}` } } };
  const list = {
    'application/json': { schema: { type: 'array', items: content['application/json'].schema } },
  };
  const tags = [resource.endpoint.split('/')[1]];
  return {
    get: {
      tags,
      operationId: `get${resource.name}`,
      parameters: [
        ...['offset', 'limit', 'totalCount'].map(shared),
        ...resource.queryFields.map((field) => query(field.name, typeOf(field.paths[0]?.type ?? 'string'))),
      ],
      responses: {
        200: { description: 'The requested page.', content: list },
        ...answers([400, 'BadRequest']),
      },
    },
    post: {
      tags,
      operationId: `post${resource.name}`,
      requestBody: { required: true, content },
      responses: answers([200, 'Updated'], [201, 'Created'], [400, 'BadRequest'], [409, 'Conflict']),
    },
  };
}

function itemOf(resource: Resource, name: string): Json {
  const content = { 'application/json': { schema: { $ref: `#/components/schemas/${name}` } } };
  const tags = [resource.endpoint.split('/')[1]];
  return {
    get: {
      tags,
      operationId: `get${resource.name}ById`,
      parameters: [shared('id')],
      responses: {
        200: { description: 'The resource.', content },
        ...answers([304, 'NotModified'], [404, 'NotFound']),
      },
    },
    put: {
      tags,
      operationId: `put${resource.name}`,
      parameters: [shared('id'), shared('If-Match')],
      requestBody: { required: true, content },
      responses: answers(
        [204, 'Updated'],
        [400, 'BadRequest'],
        [404, 'NotFound'],
        [409, 'Conflict'],
        [412, 'PreconditionFailed'],
      ),
    },
    delete: {
      tags,
      operationId: `delete${resource.name}ById`,
      parameters: [shared('id'), shared('If-Match')],
      responses: {
        204: { description: 'The resource was deleted.' },
        ...answers([404, 'NotFound'], [409, 'Conflict'], [412, 'PreconditionFailed']),
      },
    },
  };
}

function typeOf(type: string): Json {
  if (type === 'number' || type === 'boolean' || type === 'string') return { type };
  return { type: 'string', format: type };
}
