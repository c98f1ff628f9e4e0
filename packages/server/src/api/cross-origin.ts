/** Lets pages of the configured origins use this API (CORS). */
import cors from '@fastify/cors';
import type { FastifyInstance } from 'fastify';

export function crossOrigin(app: FastifyInstance, origins: readonly string[]): void {
  if (origins.length === 0) return;
  void app.register(cors, {
    origin: [...origins],
    // Clients authenticate by a header that the page sets, never by cookies of the browser.
    credentials: false,
    methods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
    allowedHeaders: [
      'Authorization',
      'Content-Profile',
      'Content-Type',
      'Idempotency-Key',
      'If-Match',
      'If-None-Match',
      'Prefer',
      'traceparent',
      'X-Client-Info',
    ],
    exposedHeaders: [
      'Content-Range',
      'ETag',
      'Link',
      'Location',
      'Preference-Applied',
      'Retry-After',
      'Sluice-Result',
      'Total-Count',
    ],
    maxAge: 600,
  });
}
