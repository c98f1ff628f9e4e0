/** Who may use a route, as the server's guard reads it. The routes are the page's own, so no description shows them. */
import type { FastifySchema } from 'fastify';

const schema = { hide: true } as FastifySchema;

export const open = { schema, config: { access: 'open' } } as const;
export const operate = { schema, config: { access: 'operate' } } as const;
export const bodies = { schema, config: { access: 'bodies' } } as const;
