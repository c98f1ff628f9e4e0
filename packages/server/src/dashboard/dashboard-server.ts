/** The page alone: a process that needs only the database, for when no node is up. */
import { createServer, type ServerOptions } from '#api';
import type { FastifyInstance } from 'fastify';
import { open } from './access.ts';
import type { DashboardOptions } from './dashboard-options.ts';
import { dashboardRoutes } from './dashboard-routes.ts';

export function createDashboardServer(
  dashboard: DashboardOptions,
  { basePath = '', ...options }: ServerOptions,
): FastifyInstance {
  const server = createServer({ ...options, basePath });
  void server.register(
    async (scope) => {
      scope.get('/healthz', open, (_request, reply) => {
        reply.type('application/json; charset=utf-8').send('{"status":"up"}');
      });
      await scope.register(dashboardRoutes(dashboard));
    },
    { prefix: basePath },
  );
  return server;
}
