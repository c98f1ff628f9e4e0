/** One API node: Sluice in one of its modes, or the minimum that `seed-direct` needs for HTTP. */
import type { AddressInfo } from 'node:net';
import { createApi } from '@sluice/server/api';
import { readModelFiles } from '@sluice/server/cli';
import Fastify, { type FastifyInstance } from 'fastify';
import type { Contender } from '../contenders/contender.ts';
import { OneStatement } from '../contenders/one-statement.ts';
import { createProductClient } from '../contenders/product.ts';
import { SeedDirect } from '../contenders/seed-direct.ts';
import { benchModel, type OrderRow } from '../workload/bench-model.ts';
import type { Task } from './task.ts';

type NodeTask = Extract<Task, { role: 'node' }>;

export interface StartedNode {
  url: string;
  stop: () => Promise<void>;
}

export function startNode(task: NodeTask): Promise<StartedNode> {
  if (task.contender === 'seed-direct') return startSeedNode(task);
  return task.contender === 'http-per-request' ? startRowNode(task) : startProductNode(task);
}

async function startProductNode(task: NodeTask): Promise<StartedNode> {
  const client = createProductClient({ ...task, model: benchModel });
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

async function startSeedNode({ url, workload, modelFiles, lanes, poolMax }: NodeTask): Promise<StartedNode> {
  const model = modelFiles === null ? benchModel : await readModelFiles(modelFiles);
  const seed = new SeedDirect({ url, model, workload, lanes, poolMax });
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
  return listen(app, seed);
}

/** An insert for each request, as usual: a pool, one prepared statement, 409 for a duplicate. */
async function startRowNode({ url, workload, lanes, poolMax }: NodeTask): Promise<StartedNode> {
  const rows = new OneStatement({ url, model: benchModel, workload, lanes, poolMax });
  await rows.start();
  const app = Fastify();
  app.post('/rest/orders', async (request, reply) => {
    const isCreated = await rows.insert(request.body as OrderRow);
    return reply.code(isCreated ? 201 : 409).send();
  });
  return listen(app, rows);
}

async function listen(app: FastifyInstance, contender: Contender): Promise<StartedNode> {
  await app.listen({ host: '127.0.0.1', port: 0 });
  return {
    url: urlOf(app.server.address() as AddressInfo),
    stop: async () => {
      await app.close();
      await contender.stop();
    },
  };
}

function urlOf(address: AddressInfo): string {
  return `http://127.0.0.1:${address.port}`;
}
