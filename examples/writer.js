// A writer as its own process. Start as many as you like: one leads each lane, and another takes over when it ends.
import { migrate } from 'sluice';
import { createWriter } from 'sluice/writer';

const connectionString = process.env.DATABASE_URL;
await migrate({ connectionString });
const writer = await createWriter({ connectionString, model: 'model.json' });
console.log('writing');

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void writer.stop());
