import type { Write } from '#protocol';

/** Most characters of all bodies in one statement, so that no string or message comes near its limit. A single body may have more. */
const bodyCharactersMax = 16_000_000;

/** Takes the first writes of a queue for one statement, limited by their number and the length of their bodies. */
export function takeFront<T extends { write: Pick<Write, 'body'> }>(queue: T[], writesMax: number): T[] {
  let count = 0;
  for (let characters = 0; count < Math.min(writesMax, queue.length); count++) {
    characters += queue[count]?.write.body?.length ?? 0;
    if (count > 0 && characters > bodyCharactersMax) break;
  }
  return queue.splice(0, count);
}
