/**
 * Without authentication, there is no token that a page of another site would lack. So the headers of browsers count:
 * a request that another site's page started is refused. A request for a host name that is not this machine's own is
 * refused, too, because such a page could use it (DNS rebinding).
 */
import { isLoopback } from '#api';
import { SluiceError } from 'sluice/internal/protocol';
import type { FastifyInstance } from 'fastify';

export function refuseStrangers(app: FastifyInstance): void {
  const { asksNobody } = app;
  app.addHook('onRequest', (request, _reply, done) => {
    const site = request.headers['sec-fetch-site'];
    const isNavigation = request.headers['sec-fetch-mode'] === 'navigate' && request.method === 'GET';
    if (site !== undefined && site !== 'same-origin' && site !== 'none' && !isNavigation)
      throw new SluiceError('forbidden', 'A page of another site may not use the dashboard.');
    if (asksNobody && !isLoopback(hostOf(request.host)))
      throw new SluiceError(
        'forbidden',
        'Without authentication, the dashboard answers requests from localhost only.',
      );
    done();
  });
  // Only JSON, because a form of another site cannot send that without a preflight request.
  app.removeContentTypeParser('text/plain');
}

function hostOf(host: string): string {
  return host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
}
