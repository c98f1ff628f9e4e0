/** One API node: the product's in one of its modes, or the least that `seed-direct` needs to speak HTTP. */
import type { AddressInfo } from 'node:net';
import { createApi } from '@sluice/server/api';
import { readModelFiles } from '@sluice/server/cli';
import Fastify from 'fastify';
import { createProductClient } from '../contenders/product.ts';
import { SeedDirect } from '../contenders/seed-direct.ts';
import { benchModel } from '../workload/bench-model.ts';
import type { Task } from './task.ts';

type NodeTask = Extract<Task, { role: 'node' }>;

export interface StartedNode {
  url: string;
  stop: () => Promise<void>;
}

export function startNode(task: NodeTask): Promise<StartedNode> {
  return task.contender === 'seed-direct' ? startSeedNode(task) : startProductNode(task);
}

async function startProductNode({ url, contender, lanes, poolMax }: NodeTask): Promise<StartedNode> {
  const client = createProductClient({ url, model: benchModel, contender, lanes, poolMax });
  const api = createApi({ client });
  await client.start();
  await api.listen({ host: '127.0.0.1', port: 0 });
  return {
    url: urlOf(api.server.address() as AddressInfo),
    stop: async () => {
      await api.close();
      await client.stop();
    },
  };
}

async function startSeedNode({ url, modelFiles, lanes, poolMax }: NodeTask): Promise<StartedNode> {
  const model = modelFiles === null ? benchModel : await readModelFiles(modelFiles);
  const seed = new SeedDirect({ url, model, lanes, poolMax });
  await seed.start();
  const app = Fastify();
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) =>
    done(null, body),
  );
  app.post('/data/:project/:resource', async (request, reply) => {
    const { project, resource } = request.params as { project: string; resource: string };
    await seed.submit({ endpoint: `${project}/${resource}`, body: request.body as string });
    return reply.code(201).send();
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  return {
    url: urlOf(app.server.address() as AddressInfo),
    stop: async () => {
      await app.close();
      await seed.stop();
    },
  };
}

function urlOf(address: AddressInfo): string {
  return `http://127.0.0.1:${address.port}`;
}
