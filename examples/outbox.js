// A write in the caller's own transaction (an outbox): both count, or neither. The answer is awaited after the commit.
import { randomInt } from 'node:crypto';
import pg from 'pg';
import { createClient } from 'sluice';

const connectionString = process.env.DATABASE_URL;
const sluice = await createClient({ connectionString, model: 'model.json' });
const client = new pg.Client({ connectionString });
await client.connect();
await client.query('create table if not exists invoice (number integer primary key, paid boolean)');

async function pay(number, isPaid) {
  await client.query('begin');
  await client.query('insert into invoice values ($1, true)', [number]);
  const write = { endpoint: 'shop/products', document: { sku: `invoice-${number}` } };
  const submitted = await sluice.submit(write, { client });
  await client.query(isPaid ? 'commit' : 'rollback');
  return submitted;
}

// Other numbers in each run.
const [paid, unpaid] = [randomInt(2 ** 31), randomInt(2 ** 31)];
const { result } = await (await pay(paid, true)).answer();
const [undone] = await Promise.allSettled([(await pay(unpaid, false)).answer({ waitMs: 500 })]);
const { rows } = await client.query('select from invoice where number in ($1, $2)', [paid, unpaid]);
console.log(result, undone.reason.code, rows.length);

await client.end();
await sluice.stop();
