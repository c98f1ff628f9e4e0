// A program that tries again until it knows: with an idempotency key a write is applied once, however often it is sent.
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { createClient, SluiceError } from 'sluice';

const sluice = await createClient({ connectionString: process.env.DATABASE_URL, model: 'model.json' });

async function upsertOnce(endpoint, document, idempotencyKey) {
  for (;;) {
    try {
      return await sluice.upsert(endpoint, document, { idempotencyKey, waitMs: 5000 });
    } catch (error) {
      // What is wrong by itself stays wrong; what was not applied in time, or is unknown, is asked again.
      if (!(error instanceof SluiceError) || !error.entry.retryable) throw error;
      await pause(1000 * (error.retryAfterSeconds ?? 1));
    }
  }
}

// One key for all tries of one write: kept with the document, it also outlives this program.
const key = randomUUID();
const product = { sku: 'b-1', price: 3 };
const first = await upsertOnce('shop/products', product, key);
const second = await upsertOnce('shop/products', product, key);
console.log(first.result, second.result, first.writeId === second.writeId);
await sluice.stop();
