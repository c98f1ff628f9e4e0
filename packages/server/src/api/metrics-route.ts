/** `/metrics`, in the format of Prometheus. */
import type { FastifyInstance } from 'fastify';
import { metricsSchema } from './route-schemas.ts';

export interface MetricsSource {
  readonly contentType: string;
  text(): Promise<string>;
}

export function metricsRoute(app: FastifyInstance, metrics: MetricsSource): void {
  app.get('/metrics', { schema: metricsSchema, config: { access: 'operate' } }, async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.text()),
  );
}
