/**
 * Sends together what gathers while the last sending is under way: how a user who has measured would submit to a queue
 * that takes several jobs at once.
 */
export function together(send, most = 500) {
  const gathered = [];
  let isSending = false;
  const sendAll = async () => {
    isSending = true;
    await Promise.resolve();
    while (gathered.length > 0) {
      const batch = gathered.splice(0, most);
      try {
        const results = await send(batch.map(({ item }) => item));
        batch.forEach(({ resolve }, index) => resolve(results?.[index]));
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    isSending = false;
  };
  return (item) =>
    new Promise((resolve, reject) => {
      gathered.push({ item, resolve, reject });
      if (!isSending) void sendAll();
    });
}
