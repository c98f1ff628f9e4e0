/** Actions of operators on the page: the same functions as for the command line, each recorded with its actor. */
import { discardWrites, drainWriter, pauseLanes, resumeLanes, retryWrites } from 'sluice/operator';
import { SluiceError } from 'sluice/internal/protocol';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { operate } from './access.ts';
import { actorOf } from './actor.ts';
import type { DashboardOptions } from './dashboard-options.ts';
import { readChange } from './requests.ts';

export function actionRoutes(app: FastifyInstance, { database, isReadOnly }: DashboardOptions): void {
  const action = (name: string, act: (body: unknown, actor: string) => Promise<unknown>): void => {
    app.post(`/${name}`, operate, async (request: FastifyRequest) => {
      if (isReadOnly) throw new SluiceError('forbidden', 'This dashboard is read-only.');
      return act(request.body, actorOf(request));
    });
  };
  action('retry', (body, actor) => {
    const { target, ...how } = readChange('retry', body);
    return retryWrites(database, target, { ...how, actor });
  });
  action('discard', (body, actor) => {
    const { target, ...how } = readChange('discard', body);
    return discardWrites(database, target, { ...how, actor });
  });
  action('pause', async (body, actor) => ({
    lanes: await pauseLanes(database, readChange('lanes', body).lanes, actor),
  }));
  action('resume', async (body, actor) => ({
    lanes: await resumeLanes(database, readChange('lanes', body).lanes, actor),
  }));
  action('drain', (body, actor) => drainWriter(database, readChange('writer', body).writer, actor));
}
