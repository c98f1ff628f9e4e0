/** Bodies of writes in the intake, a bounded part of them in memory at a time. */
import type { Row } from './session.ts';

/** Bytes of bodies that are read at once. */
const sliceBytesMax = 16 * 1024 * 1024;
/** Larger than any that a node takes by default. What is larger is not read. */
export const readBodyBytesMax: number = 64 * 1024 * 1024;

/** Id and body of each write that is in the intake, has a body, and one that is not too large; in the order of the ids. */
export async function* readBodies(
  run: (name: string, values: readonly unknown[]) => Promise<Row[]>,
  writeIds: readonly string[],
): AsyncGenerator<[writeId: string, body: string]> {
  for (let left = writeIds; left.length > 0;) {
    const rows = await run('readBodies', [left, sliceBytesMax, readBodyBytesMax]);
    for (const row of rows) {
      if (row['body'] !== null) yield [row['write_id'] as string, row['body'] as string];
    }
    const last = rows.at(-1);
    left = last === undefined || last['is_read'] === true ? [] : left.slice((last['place'] as number) - 1);
  }
}
