// Documents that refer to each other, in any order and from anywhere: a reference to a document in the intake waits for
// it, and a write may wait longer for documents that come later.
import { createClient } from 'sluice';

const sluice = await createClient({ connectionString: process.env.DATABASE_URL, model: 'model.json' });

const documents = [
  ...Array.from({ length: 100 }, (_, number) => [
    'shop/orders',
    {
      number,
      customer: { name: `c-${number % 10}` },
      lines: [{ product: { sku: `a-${number % 7}` }, count: 1 }],
    },
  ]),
  ...Array.from({ length: 10 }, (_, number) => ['shop/customers', { name: `c-${number}` }]),
  ...Array.from({ length: 7 }, (_, number) => ['shop/products', { sku: `a-${number}`, price: number }]),
].sort(() => Math.random() - 0.5);

const answers = await Promise.allSettled(
  documents.map(([endpoint, document]) =>
    sluice.upsert(endpoint, document, { waitForReferencesSeconds: 30 }),
  ),
);
const stored = answers.filter(({ status }) => status === 'fulfilled');
console.log(`${stored.length} of ${documents.length} stored`);
await sluice.stop();
