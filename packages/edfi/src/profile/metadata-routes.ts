/** Metadata for clients: the discovery document, the order of loading, the specifications. */
import {
  type ProfileNode,
  version,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from '@sluice/server/profile';
import { loadOrder } from './load-order.ts';
import { specificationOf } from './specification.ts';

export function metadataRoutes(app: FastifyInstance, { client, basePath, originOf }: ProfileNode): void {
  const { model } = client;
  // A client reads this before it has a token. It names resources and has no data.
  const options = { schema: { hide: true }, config: { access: 'open' } } as const;
  const rootOf = (request: FastifyRequest): string => `${originOf(request)}${basePath}`;
  const send = (reply: FastifyReply, body: unknown): FastifyReply =>
    reply.type('application/json; charset=utf-8').send(JSON.stringify(body));

  app.get('/', options, (request, reply) => {
    const root = rootOf(request);
    return send(reply, {
      version,
      applicationName: 'Sluice',
      informationalVersion: version,
      dataModels: model.projects
        .map(({ name, version, description }) => ({ name, version, informationalVersion: description }))
        .sort((a, b) => (a.name < b.name ? -1 : 1)),
      urls: {
        dependencies: `${root}/metadata/dependencies`,
        openApiMetadata: `${root}/metadata/specifications`,
        dataManagementApi: `${root}/data`,
      },
    });
  });

  app.get('/metadata', options, (request, reply) => {
    const root = `${rootOf(request)}/metadata`;
    return send(reply, { dependencies: `${root}/dependencies`, specifications: `${root}/specifications` });
  });

  let order: string | undefined;
  app.get('/metadata/dependencies', options, (_request, reply) => {
    order ??= JSON.stringify(loadOrder(model));
    return reply.type('application/json; charset=utf-8').send(order);
  });

  app.get('/metadata/specifications', options, (request, reply) => {
    const root = `${rootOf(request)}/metadata/specifications`;
    return send(
      reply,
      (['Resources', 'Descriptors'] as const).map((name) => ({
        name,
        endpointUri: `${root}/${name.toLowerCase()}-spec.json`,
        prefix: '',
      })),
    );
  });

  for (const kind of ['resources', 'descriptors'] as const) {
    app.get(`/metadata/specifications/${kind}-spec.json`, options, (request, reply) =>
      send(reply, specificationOf(model, kind, `${rootOf(request)}/data`)),
    );
  }
}
