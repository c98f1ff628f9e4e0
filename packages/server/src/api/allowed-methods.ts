/**
 * Answers an unsupported method of a known URL with the supported ones (RFC 9110, 15.5.6); OPTIONS asks for them.
 * This happens before the body is read. An unknown resource of the model stays unknown.
 */
import { SluiceError } from 'sluice/internal/protocol';
import type { FastifyInstance } from 'fastify';

/** Whether something exists at a URL of this form with these parameters. */
export type IsKnown = (parameters: Readonly<Record<string, string>>) => boolean;

export function allowedMethods(app: FastifyInstance, isKnown: IsKnown): void {
  const methodsByUrl = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ method, url }) => {
    // Routes of a plugin for all URLs do not make a URL known.
    if (url === '*' || url === '/*') return;
    const methods = methodsByUrl.get(url) ?? new Set();
    methodsByUrl.set(url, methods);
    for (const each of Array.isArray(method) ? method : [method]) methods.add(each);
  });
  let forms: { form: RegExp; methods: ReadonlySet<string> }[] = [];
  app.addHook('onReady', (done) => {
    forms = [...methodsByUrl].map(([url, methods]) => ({ form: formOf(url), methods }));
    done();
  });
  app.after(() => {
    app.addHook('onRequest', (request, reply, done) => {
      if (!request.is404) return done();
      const [path = ''] = request.url.split('?');
      const found = forms.flatMap(({ form, methods }) => {
        const match = form.exec(path);
        return match !== null && isKnown({ ...match.groups }) ? [...methods] : [];
      });
      if (found.length === 0) return done();
      const allowed = [...new Set([...found, 'OPTIONS'])].sort().join(', ');
      reply.header('Allow', allowed);
      if (request.method === 'OPTIONS') {
        reply.code(204).send();
        return;
      }
      done(new SluiceError('method_not_allowed', `Cannot ${request.method} this URL: it takes ${allowed}`));
    });
  });
}

/** `/data/:project/:resource` as an expression; a final slash is ignored, as by the router. */
function formOf(url: string): RegExp {
  const steps = url
    .replace(/\/$/, '')
    .split('/')
    .map((step) => {
      if (step === '*') return '.*';
      if (step.startsWith(':')) return `(?<${step.slice(1)}>[^/]+)`;
      return step.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
    });
  return new RegExp(`^${steps.join('/')}/?$`);
}
