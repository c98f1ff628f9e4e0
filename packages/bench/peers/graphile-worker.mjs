/**
 * graphile-worker: `addJob`, a task that writes the document, and the runner's own event as the result.
 *
 * As documented: the concurrency and poll interval of its quick start, one `addJob` for each document. Tuned: a local
 * queue of 500, as many jobs at once as there are connections for their writes, completions together, `addJobs` for all
 * that gathered.
 */
import { EventEmitter } from 'node:events';
import { Logger, makeWorkerUtils, run } from 'graphile-worker';
import { together } from './together.mjs';
import { createWaiters } from './waiters.mjs';

const silent = new Logger(() => () => undefined);

export async function open({ url, poolMax, isTuned, store }) {
  const waiters = createWaiters();
  const events = new EventEmitter();
  events.on('job:success', ({ job }) => waiters.finish(job.payload.key));
  events.on('job:failed', ({ job, error }) => waiters.finish(job.payload.key, error));
  const utils = await makeWorkerUtils({
    connectionString: url,
    logger: silent,
    maxPoolSize: isTuned ? 4 : 10,
  });
  await utils.migrate();
  const taskList = { store: ({ document }) => store(document) };
  const common = { connectionString: url, logger: silent, events, taskList, noHandleSignals: true };
  const runner = await run(
    isTuned
      ? {
          ...common,
          preset: {
            worker: {
              concurrentJobs: poolMax * 2,
              maxPoolSize: 10,
              pollInterval: 1000,
              localQueue: { size: 500 },
              completeJobBatchDelay: 0,
              failJobBatchDelay: 0,
            },
          },
        }
      : { ...common, concurrency: 5, pollInterval: 1000 },
  );
  const addMany = together((payloads) =>
    utils.addJobs(payloads.map((payload) => ({ identifier: 'store', payload, maxAttempts: 1 }))),
  );
  let count = 0;
  return {
    async submit(document) {
      const key = ++count;
      const done = waiters.wait(key);
      done.catch(() => undefined);
      const payload = { key, document };
      await (isTuned ? addMany(payload) : utils.addJob('store', payload));
      await done;
    },
    async stop() {
      await runner.stop();
      await utils.release();
    },
  };
}
