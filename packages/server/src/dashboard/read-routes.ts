/** Data that the page reads on request: stuck writes, one write, its document, actions of operators. */
import {
  countStuck,
  explainAwaited,
  explainLane,
  explainWrite,
  findStuck,
  findWrites,
  listStuck,
  readAudit,
  showBody,
  showWrite,
  type StuckWrite,
} from 'sluice/operator';
import type { FastifyInstance } from 'fastify';
import { bodies, operate } from './access.ts';
import { actorOf } from './actor.ts';
import type { DashboardOptions } from './dashboard-options.ts';
import type { Found, ListedWrite, WriteList, WriteView } from './page/messages.ts';
import { readQuery } from './requests.ts';

/** Counting stops here, because larger numbers need not be exact. */
const countedMax = 20_000;

export function readRoutes(app: FastifyInstance, { database, model }: DashboardOptions): void {
  app.get('/stuck', operate, async ({ query }): Promise<WriteList> => {
    const { after, limit, ...filter } = readQuery('list', query);
    const page = { ...(after === undefined ? {} : { after }), ...(limit === undefined ? {} : { limit }) };
    const { writes, next } = await listStuck(database, filter, page, model);
    return { writes: writes.map(explained), next };
  });

  app.get('/stuck/count', operate, ({ query }) =>
    countStuck(database, readQuery('filter', query), countedMax),
  );

  app.get('/find', operate, async ({ query }): Promise<Found> => {
    const writeIds = await findWrites(database, readQuery('find', query).text);
    return { writeIds, writes: (await findStuck(database, writeIds, model)).map(explained) };
  });

  app.get<{ Params: { id: string } }>(
    '/writes/:id',
    operate,
    async ({ params, query }): Promise<WriteView> => {
      readQuery('none', query);
      const write = await showWrite(database, params.id, model);
      return {
        ...write,
        explanation: write.stuck === null ? null : explainWrite(write.stuck),
        laneExplanation: write.lane === null ? null : explainLane(write.lane),
        chain: write.chain.map((link) => ({ ...link, explanation: explainAwaited(link) })),
      };
    },
  );

  app.get<{ Params: { id: string } }>('/writes/:id/body', bodies, (request) => {
    readQuery('none', request.query);
    return showBody(database, request.params.id, actorOf(request)).then((body) => ({ body }));
  });

  app.get('/actions', operate, ({ query }) => readAudit(database, readQuery('actions', query)));
}

function explained(write: StuckWrite): ListedWrite {
  return { ...write, explanation: explainWrite(write) };
}
