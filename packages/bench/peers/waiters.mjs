/** Those who wait for their jobs, by a key that travels with the job. */
export function createWaiters() {
  const waiting = new Map();
  return {
    wait: (key) => new Promise((resolve, reject) => waiting.set(key, { resolve, reject })),
    finish(key, error) {
      const waiter = waiting.get(key);
      waiting.delete(key);
      if (error === undefined) waiter?.resolve();
      else waiter?.reject(error);
    },
  };
}
