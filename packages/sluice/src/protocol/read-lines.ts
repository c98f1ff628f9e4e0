/** Lines of a byte stream, numbered from 1. A line that is too long is dropped while it arrives, and reported. */

export interface Line {
  number: number;
  /** Null: the line is longer than allowed. */
  bytes: Buffer | null;
}

const NEWLINE = 0x0a;

export async function* readLines(stream: AsyncIterable<Buffer>, bytesMax: number): AsyncGenerator<Line> {
  let number = 0;
  /** Parts of the unfinished line; null: it is too long already. */
  let parts: Buffer[] | null = [];
  let size = 0;
  const add = (part: Buffer): void => {
    size += part.length;
    if (size > bytesMax) parts = null;
    parts?.push(part);
  };
  const take = (): Line => {
    const bytes = parts === null ? null : parts.length === 1 ? parts[0]! : Buffer.concat(parts);
    parts = [];
    size = 0;
    return { number: ++number, bytes };
  };
  for await (const chunk of stream) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      add(chunk.subarray(start, end));
      start = end + 1;
      yield take();
    }
    if (start < chunk.length) add(chunk.subarray(start));
  }
  if (size > 0) yield take();
}
