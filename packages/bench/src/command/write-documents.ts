/** Writes the documents of a district, or given ones, into one file, which the processes of a measurement read. */
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { SluiceError } from 'sluice/internal/protocol';
import {
  findLoadFiles,
  readLoadLines,
  readModelFiles,
  type BrokenLine,
  type LoadLine,
} from '@sluice/server/cli';
import { sampleLines, sampleModelFile } from '@sluice/dev';

export type DocumentSource =
  { seed: number; students: number } | { documents: string; modelFiles: readonly string[] | undefined };

export interface WrittenDocuments {
  modelFiles: readonly string[];
  file: string;
}

/** @throws {SluiceError} `configuration_invalid` if the documents, or their model, cannot be read */
export async function writeDocuments(folder: string, source: DocumentSource): Promise<WrittenDocuments> {
  const file = join(folder, 'documents.ndjson');
  if ('students' in source) {
    await writeLines(file, sampleLines(source.seed, source.students));
    return { modelFiles: [sampleModelFile], file };
  }
  const { documents, modelFiles } = source;
  if (modelFiles === undefined) {
    throw new SluiceError('configuration_invalid', `Cannot measure: --documents needs --model: ${documents}`);
  }
  await readModelFiles(modelFiles);
  await writeLines(file, readLoadLines(await findLoadFiles([documents])));
  return { modelFiles, file };
}

async function writeLines(
  file: string,
  lines: Iterable<LoadLine> | AsyncIterable<LoadLine | BrokenLine>,
): Promise<void> {
  async function* texts(): AsyncGenerator<string> {
    for await (const line of lines) {
      if ('fault' in line) {
        throw new SluiceError(
          'configuration_invalid',
          `Cannot measure: a line of --documents ${line.fault}: ${line.source}`,
        );
      }
      yield `{"endpoint":"${line.endpoint}","document":${line.body}}\n`;
    }
  }
  await pipeline(Readable.from(texts()), createWriteStream(file));
}
