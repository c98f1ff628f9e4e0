/** All lines of a load in one random order; the same seed gives the same order. The load is read into memory. */
import { Draw } from './draw.ts';

export async function* shuffle<T>(lines: AsyncIterable<T> | Iterable<T>, seed: number): AsyncGenerator<T> {
  const all: T[] = [];
  for await (const line of lines) all.push(line);
  const draw = new Draw(seed);
  for (let left = all.length; left > 0; left--) {
    const drawn = draw.below(left);
    yield all[drawn]!;
    all[drawn] = all[left - 1]!;
    all.pop();
  }
}
