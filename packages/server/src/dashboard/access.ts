/** Access of the page's routes, for the server's guard. API descriptions do not list these routes. */
import type { FastifySchema } from 'fastify';

const schema = { hide: true } as FastifySchema;

export const open = { schema, config: { access: 'open' } } as const;
export const operate = { schema, config: { access: 'operate' } } as const;
export const bodies = { schema, config: { access: 'bodies' } } as const;
