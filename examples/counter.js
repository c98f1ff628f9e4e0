// 64 visitors count one page at the same time. The writes share calls of the function, so the row is updated once for each batch
// and not once for each visitor. Every answer is the count after its batch.
import { createClient } from 'sluice';
import config from './rows.config.js';

const sluice = await createClient({ connectionString: process.env.DATABASE_URL, targets: config.targets });
const views = sluice.target('count_views');

const answers = await Promise.all(Array.from({ length: 64 }, () => views.submit({ page: '/' })));
const counts = answers.map(({ answer }) => answer);
console.log(`${Math.max(...counts)} views`);
await sluice.stop();
