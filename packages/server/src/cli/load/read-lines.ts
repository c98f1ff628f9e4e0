/** The lines of NDJSON files, as bytes and one at a time, because a load may be larger than memory. */
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { readLines, SluiceError, type Line } from 'sluice/internal/protocol';
import { parseLoadLine, type LoadLine } from './load-line.ts';

/** No node takes a larger document. */
const lineBytesMax = 256 * 1024 * 1024;

/** A line that cannot be submitted, and the reason. */
export interface BrokenLine {
  source: string;
  fault: string;
}

/**
 * The given files, and the `*.ndjson` files of given folders in the order of their names.
 * @throws {SluiceError} `configuration_invalid`
 */
export async function findLoadFiles(paths: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const path of paths) {
    const found = await stat(path).catch(() => undefined);
    if (found === undefined) {
      throw new SluiceError('configuration_invalid', `Cannot load: there is no such file or folder: ${path}`);
    }
    if (!found.isDirectory()) {
      files.push(path);
      continue;
    }
    const entries = await readdir(path, { withFileTypes: true });
    const names = entries
      .filter((entry) => entry.name.endsWith('.ndjson') && !entry.isDirectory())
      .map(({ name }) => name)
      .sort();
    if (names.length === 0) {
      throw new SluiceError(
        'configuration_invalid',
        `Cannot load: the folder has no *.ndjson files: ${path}`,
      );
    }
    files.push(...names.map((name) => join(path, name)));
  }
  return files;
}

/** Counts the lines that are not empty, for the progress display. */
export async function countLines(files: readonly string[]): Promise<number> {
  let count = 0;
  for (const file of files) for await (const { bytes } of linesOf(file)) if (!isBlank(bytes)) count += 1;
  return count;
}

export async function* readLoadLines(files: readonly string[]): AsyncGenerator<LoadLine | BrokenLine> {
  // Otherwise invalid UTF-8 would be replaced silently, and another document stored.
  const decoder = new TextDecoder('utf-8', { fatal: true });
  for (const file of files) {
    for await (const { number, bytes } of linesOf(file)) {
      if (isBlank(bytes)) continue;
      const source = `${basename(file)}:${number}`;
      if (bytes === null) {
        yield { source, fault: `is longer than ${lineBytesMax} bytes` };
        continue;
      }
      let text: string;
      try {
        text = decoder.decode(bytes);
      } catch {
        yield { source, fault: 'is not UTF-8' };
        continue;
      }
      try {
        yield parseLoadLine(text, source);
      } catch (error) {
        yield { source, fault: (error as Error).message };
      }
    }
  }
}

/** Ends lines at newlines only: a U+2028 inside a document ends no line. */
function linesOf(file: string): AsyncGenerator<Line> {
  return readLines(createReadStream(file, { highWaterMark: 1 << 18 }) as AsyncIterable<Buffer>, lineBytesMax);
}

function isBlank(line: Buffer | null): boolean {
  return line?.every((byte) => byte === 0x20 || byte === 0x0d || byte === 0x09) ?? false;
}
