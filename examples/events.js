// An append-only log of 512 devices. Each device waits until its event is durable before it sends the next one; all devices
// share batches. Device and number are the key, so an event that is sent twice is stored once.
import { createClient } from 'sluice';
import config from './rows.config.js';

const sluice = await createClient({ connectionString: process.env.DATABASE_URL, targets: config.targets });
const events = sluice.table('event');
let stored = 0;
let repeated = 0;

async function send(device, number) {
  const event = { device, number, reading: Math.sin(device + number) };
  const { result, code } = await events.insert(event, { throwOnRefusal: false });
  if (result === 'created') stored += 1;
  else if (code === 'row_exists') repeated += 1;
  else throw new Error(`device ${device}: ${code}`);
}

async function runDevice(device) {
  for (let number = 1; number <= 4; number++) await send(device, number);
  // As after a connection that broke before the answer came.
  if (device % 64 === 0) await send(device, 4);
}

await Promise.all(Array.from({ length: 512 }, (_, device) => runDevice(device)));
console.log(`${stored} events stored, ${repeated} sent twice`);
await sluice.stop();
