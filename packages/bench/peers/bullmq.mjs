/**
 * BullMQ on PostgreSQL: `add`, a worker that writes the document, `waitUntilFinished` over its queue events.
 *
 * As documented: a concurrency of 50; `waitUntilFinished` with a limit of one second and a look at the job's state after
 * that, as version 6.7.0 misses events on PostgreSQL when many jobs finish at once. Tuned: as many jobs at once as there
 * are connections for their writes, twice over, `addBulk` for all that gathered, finished jobs removed, and the worker's
 * own event in place of the queue's.
 */
import { createPostgresBackend, Queue, QueueEvents, Worker } from 'bullmq';
import { together } from './together.mjs';
import { createWaiters } from './waiters.mjs';

const name = 'store';

export async function open({ url, poolMax, isTuned, store }) {
  const connection = { connectionString: url, migrate: true, max: isTuned ? 16 : 10 };
  const options = { connection };
  const queue = new Queue(name, options, createPostgresBackend);
  await queue.waitUntilReady();
  const events = new QueueEvents(name, options, createPostgresBackend);
  events.setMaxListeners(0);
  await events.waitUntilReady();
  const worker = new Worker(
    name,
    async (job) => store(job.data.document),
    { ...options, concurrency: isTuned ? poolMax * 2 : 50 },
    createPostgresBackend,
  );
  const waiters = createWaiters();
  worker.on('completed', (job) => waiters.finish(job.data.key));
  worker.on('failed', (job, error) => waiters.finish(job?.data.key, error));
  for (const each of [queue, events, worker]) each.on('error', () => undefined);
  await worker.waitUntilReady();
  const jobOptions = isTuned ? { removeOnComplete: true, removeOnFail: true } : {};
  const addMany = together((documents) =>
    queue.addBulk(documents.map((data) => ({ name, data, opts: jobOptions }))),
  );
  queue.setMaxListeners(0);
  let count = 0;
  return {
    async submit(document) {
      const key = ++count;
      if (!isTuned) {
        await finished(await queue.add(name, { key, document }), events);
        return;
      }
      const done = waiters.wait(key);
      done.catch(() => undefined);
      await addMany({ key, document });
      await done;
    },
    async stop() {
      await worker.close(true);
      await events.close();
      await queue.close();
    },
  };
}

async function finished(job, events) {
  for (;;) {
    try {
      await job.waitUntilFinished(events, 1000);
      return;
    } catch (error) {
      const state = await job.getState();
      if (state === 'completed') return;
      if (state === 'failed') throw error;
    }
  }
}
