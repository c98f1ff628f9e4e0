/** Lines of a byte stream, numbered from 1. A line that is not admitted is dropped while it arrives, and reported. */

export interface Line {
  number: number;
  /** Null: the line is longer than allowed, or was not admitted. */
  bytes: Buffer | null;
}

const NEWLINE = 0x0a;

/** @param admit Whether an unfinished line may have so many bytes; called with 0 for a line that is dropped. */
export async function* readLines(
  stream: AsyncIterable<Buffer>,
  bytesMax: number,
  admit: (bytes: number) => true | Promise<boolean> = () => true,
): AsyncGenerator<Line> {
  let number = 0;
  /** Parts of the unfinished line; null: it is dropped. */
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
    if (start === chunk.length) continue;
    add(chunk.subarray(start));
    const isAdmitted = admit(parts === null ? 0 : size);
    if (isAdmitted !== true && !(await isAdmitted)) parts = null;
  }
  if (size > 0) yield take();
}
