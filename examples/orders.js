// An HTTP API over a table of one's own: each request waits until its row is durable, and shares its transaction with the
// requests beside it.
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { createClient, SluiceError } from 'sluice';
import config from './rows.config.js';

const sluice = await createClient({ connectionString: process.env.DATABASE_URL, targets: config.targets });
const orders = sluice.table('orders');
const app = new Hono();

app.post('/orders', async (context) => {
  const idempotencyKey = context.req.header('idempotency-key');
  const { key } = await orders.insert(await context.req.json(), {
    signal: context.req.raw.signal,
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
  });
  return context.json(key, 201);
});

app.patch('/orders/:id', async (context) => {
  const { result } = await orders.update({ id: context.req.param('id') }, await context.req.json());
  return context.json({ result });
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
