/** All routes under `/dashboard`: the page itself, which is public and has no data, and its requests, which need authentication. */
import { answerError, hostNameOf, type Routes } from '#api';
import { reasons } from 'sluice/internal/protocol';
import { operate } from './access.ts';
import { actionRoutes } from './action-routes.ts';
import type { DashboardOptions } from './dashboard-options.ts';
import { explainTrouble } from './database-trouble.ts';
import { eventStream } from './event-stream.ts';
import { LiveFeed } from './live-feed.ts';
import type { Session } from './page/messages.ts';
import { pageRoutes } from './page-routes.ts';
import { readRoutes } from './read-routes.ts';
import { readQuery } from './requests.ts';
import { refuseStrangers } from './refuse-strangers.ts';

export function dashboardRoutes(options: DashboardOptions): Routes {
  const { database, isReadOnly, store = null, hosts = [] } = options;
  return async (app) => {
    const onError = (error: unknown): void => app.failures.note(error, 'read for the page');
    const feed = new LiveFeed(database, { ...options, onError });
    // An open live stream would keep the server from closing.
    app.addHook('preClose', async () => feed.close());
    app.setErrorHandler((error, request, reply) => answerError(explainTrouble(error), request, reply));
    refuseStrangers(app);
    await app.register(
      async (scope) => {
        await pageRoutes(scope);
        scope.get('/session', operate, ({ principal, query, host }) => {
          readQuery('none', query);
          const { client, scopes } = principal;
          const { maySeeBodies } = scopes;
          const hasPicker = store !== null && !hosts.includes(hostNameOf(host));
          return { client, store, hasPicker, isReadOnly, maySeeBodies, reasons } satisfies Session;
        });
        scope.get('/live', operate, ({ query }, reply) => {
          readQuery('none', query);
          return (
            reply
              .type('text/event-stream; charset=utf-8')
              // A proxy that buffers answers would delay live data.
              .header('X-Accel-Buffering', 'no')
              .send(eventStream(feed))
          );
        });
        readRoutes(scope, options);
        actionRoutes(scope, options);
      },
      { prefix: '/dashboard' },
    );
  };
}
