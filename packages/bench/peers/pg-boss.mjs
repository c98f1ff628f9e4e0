/**
 * pg-boss: `send`, a worker that writes the document, and a promise of this process as the result, because the library
 * has no way to await a job.
 *
 * As documented: LISTEN and NOTIFY switched on, batches of 50, the shortest poll behind them, as a worker by default
 * fetches one job for each notification that it hears, and then rests. Tuned: batches of 500 fetched by four loops
 * that go on while batches are full, `insert` for all that gathered.
 */
import { PgBoss } from 'pg-boss';
import { together } from './together.mjs';
import { createWaiters } from './waiters.mjs';

const queue = 'store';

export async function open({ url, poolMax, isTuned, store }) {
  const waiters = createWaiters();
  const boss = new PgBoss({
    connectionString: url,
    useListenNotify: true,
    supervise: false,
    schedule: false,
    ...(isTuned ? { max: Math.max(10, Math.floor(poolMax / 2)) } : {}),
  });
  boss.on('error', () => undefined);
  await boss.start();
  await boss.createQueue(queue, { notify: true, retryLimit: 0 });
  const options = isTuned
    ? { batchSize: 500, localConcurrency: 4, pollingIntervalSeconds: 0.5, burstWhenBatchFull: true }
    : {
        batchSize: 50,
        burstWhenBatchFull: true,
        pollingIntervalSeconds: 0.5,
        notifyPollingIntervalSeconds: 0.5,
      };
  await boss.work(queue, options, (jobs) =>
    Promise.all(
      jobs.map(async ({ data: { key, document } }) => {
        try {
          await store(document);
          waiters.finish(key);
        } catch (error) {
          waiters.finish(key, error);
        }
      }),
    ),
  );
  const insertMany = together((items) =>
    boss.insert(
      queue,
      items.map((data) => ({ data })),
    ),
  );
  let count = 0;
  return {
    async submit(document) {
      const key = ++count;
      const done = waiters.wait(key);
      done.catch(() => undefined);
      const data = { key, document };
      await (isTuned ? insertMany(data) : boss.send(queue, data));
      await done;
    },
    stop: () => boss.stop({ graceful: false }),
  };
}
