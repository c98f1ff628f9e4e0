/** `/openapi.json` and `/docs`, made from the routes, the model and the error table. */
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import { errorTable } from 'sluice/internal/protocol';
import type { Resource } from 'sluice/model';
import type { FastifyInstance } from 'fastify';
import type { ApiNode } from './node.ts';
import { describeTargets, type Operation, type PathItem } from './rest/describe-targets.ts';
import { version } from './version.ts';

/** A larger model is described by the generic paths, because a page of hundreds of resources is useless. */
const RESOURCES_MAX = 60;

export async function openapi(app: FastifyInstance, node: ApiNode): Promise<void> {
  app.addSchema(problemSchema);
  await app.register(swagger, {
    openapi: {
      openapi: '3.0.3',
      info: { title: 'Sluice', version, description: describeErrors() },
      tags: [],
    },
    refResolver: {
      buildLocalReference: (json, _base, _fragment, index) =>
        typeof json['$id'] === 'string' ? json['$id'] : `def-${index}`,
    },
    transformObject: (document) => {
      const { openapiObject } = document as { openapiObject: { paths?: Record<string, PathItem> } };
      const { resources } = node.client.model;
      const paths = (openapiObject.paths ??= {});
      if (resources.length < RESOURCES_MAX) addResources(paths, resources, node.basePath);
      describeTargets(paths, node.client.targets(), node.basePath);
      return openapiObject;
    },
  });
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: true,
    uiConfig: { docExpansion: 'none' },
  });
}

export function openapiRoute(app: FastifyInstance): void {
  let text: string | undefined;
  app.get('/openapi.json', { schema: { hide: true }, config: { access: 'open' } }, (_request, reply) => {
    text ??= JSON.stringify(app.swagger());
    reply.type('application/json; charset=utf-8').send(text);
  });
}

/** Replaces the generic paths by those of each resource. */
function addResources(
  paths: Record<string, PathItem>,
  resources: readonly Resource[],
  basePath: string,
): void {
  const generic = `${basePath}/data/{project}/{resource}`;
  for (const path of [generic, `${generic}/{id}`]) {
    const item = paths[path];
    delete paths[path];
    if (item === undefined) continue;
    for (const resource of resources) {
      paths[path.replace('{project}/{resource}', resource.endpoint)] = Object.fromEntries(
        Object.entries(item).map(([method, operation]) => [method, ofResource(operation, resource)]),
      );
    }
  }
}

function ofResource(operation: Operation, resource: Resource): Operation {
  const own: Operation = {
    ...operation,
    tags: [resource.name],
    parameters: (operation.parameters ?? []).filter(({ name }) => name !== 'project' && name !== 'resource'),
  };
  if (operation.requestBody !== undefined) {
    own.requestBody = {
      required: true,
      content: { 'application/json': { schema: resource.jsonSchema ?? { type: 'object' } } },
    };
  }
  return own;
}

const problemSchema = {
  $id: 'Problem',
  type: 'object',
  description: 'RFC 9457 problem details.',
  required: ['type', 'title', 'status', 'detail', 'code'],
  properties: {
    type: { type: 'string', description: '`urn:sluice:error:` and the code' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { type: 'string', enum: Object.keys(errorTable) },
    errors: {
      type: 'array',
      description: 'Places in the document.',
      items: {
        type: 'object',
        properties: {
          path: { type: 'string' },
          message: { type: 'string' },
          line: {
            type: 'integer',
            description:
              'For a body that is not JSON: its line. For a bulk request: the line of the request.',
          },
          column: { type: 'integer' },
        },
      },
    },
    missing: {
      type: 'array',
      description: 'References to documents that do not exist.',
      items: { type: 'object' },
    },
    referredBy: {
      type: 'array',
      description: 'Endpoints of the referring resources.',
      items: { type: 'string' },
    },
    conflictsWith: { type: 'object', description: 'The document that has the identity.' },
    database: {
      type: 'object',
      description: 'For a row that the database refused.',
      properties: {
        sqlState: { type: 'string' },
        constraint: { type: 'string', nullable: true },
        column: { type: 'string', nullable: true },
      },
    },
    reason: { type: 'string', description: 'Code that a function or a handler gave its refusal.' },
    answer: { description: 'Message that a function or a handler gave its refusal.' },
  },
};

function describeErrors(): string {
  const rows = Object.entries(errorTable).map(
    ([code, { status, detail, retryable }]) =>
      `| \`${code}\` | ${status} | ${retryable ? 'yes' : 'no'} | ${detail} |`,
  );
  return [
    'Every write gets one definite answer. Errors are problem details (`application/problem+json`):',
    '',
    '| code | status | retry unchanged | meaning |',
    '|---|---|---|---|',
    ...rows,
  ].join('\n');
}
