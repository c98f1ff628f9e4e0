// An HTTP API of one's own that embeds the client: each request waits until its document is durable, and shares its
// transaction with the requests beside it.
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { createClient, SluiceError } from 'sluice';

const sluice = await createClient({ connectionString: process.env.DATABASE_URL, model: 'model.json' });
const app = new Hono();

app.put('/orders/:number', async (context) => {
  const document = { ...(await context.req.json()), number: Number(context.req.param('number')) };
  const idempotencyKey = context.req.header('idempotency-key');
  const { id, result, version } = await sluice.upsert('shop/orders', document, {
    signal: context.req.raw.signal,
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
  });
  return context.json({ id, version }, result === 'created' ? 201 : 200);
});

app.get('/orders/by-id/:id', async (context) => {
  const order = await sluice.get('shop/orders', context.req.param('id'));
  return order === null ? context.notFound() : context.json(order);
});

app.onError((error, context) => {
  // A body that is not JSON.
  if (error instanceof SyntaxError)
    return context.json({ code: 'invalid_json', message: error.message }, 400);
  if (!(error instanceof SluiceError)) throw error;
  const { code, message, detail, status } = error;
  return context.json({ code, message, detail }, status);
});

const server = serve(
  { fetch: app.fetch, port: Number(process.env.PORT ?? 3000), hostname: '127.0.0.1' },
  ({ port }) => console.log(`http://127.0.0.1:${port}`),
);
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => server.close(() => sluice.stop()));
}
