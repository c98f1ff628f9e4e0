import type { Write } from '#protocol';

/** Characters of all bodies in one statement, so that no string and no message comes near its limit; one body may be more. */
const bodyCharactersMax = 16_000_000;

/** Takes from the front of a queue what goes into one statement: so many writes, and bodies of a bounded length in all. */
export function takeFront<T extends { write: Pick<Write, 'body'> }>(queue: T[], writesMax: number): T[] {
  let count = 0;
  for (let characters = 0; count < Math.min(writesMax, queue.length); count++) {
    characters += queue[count]?.write.body?.length ?? 0;
    if (count > 0 && characters > bodyCharactersMax) break;
  }
  return queue.splice(0, count);
}
