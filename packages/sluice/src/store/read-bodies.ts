/** Bodies of writes in the intake, with a limited part in memory at a time. */
import type { Row } from './session.ts';

/** Most bytes of bodies that are read together. */
const sliceBytesMax = 16 * 1024 * 1024;
/** Larger than any body that a node takes by default. Larger bodies are not read. */
export const readBodyBytesMax: number = 64 * 1024 * 1024;

/** Id and body of each write in the intake whose body is not too large, in the order of the ids. Writes without a body are left out. */
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
