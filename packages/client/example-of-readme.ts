import { createClient } from '@sluice/client';
import { parseModel } from '@sluice/model';

const model = parseModel({
  project: 'Shop',
  resources: [{ name: 'Order', endpoint: 'shop/orders', identity: ['$.number'] }],
});
const client = createClient({ url: process.env['DATABASE_URL']!, model });
await client.start();

const resource = model.findEndpoint('shop/orders')!;
const outcome = await client.submit({ operation: 'upsert', resource, body: '{"number":7,"paid":true}' });
const stored = await client.readDocument(resource, outcome.documentId!);
console.log(outcome.result, outcome.version, stored?.body);

await client.stop();
