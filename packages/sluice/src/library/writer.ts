/** A writer in the process of a program that embeds Sluice. */
import { createWriter as createPlainWriter, type Writer, type WriterOptions } from '#writer';
import { explained } from '#store';
import { checkOptions, processOptions, writerOptions, type ProcessOptions } from './options.ts';

/** See `WriterOptions` for each option. */
type PlainOptions = Pick<
  WriterOptions,
  | 'schema'
  | 'targets'
  | 'lanes'
  | 'spread'
  | 'ownership'
  | 'sessions'
  | 'notifications'
  | 'pollIntervalMs'
  | 'batchWritesMax'
  | 'cascadeDocumentsMax'
  | 'projections'
  | 'retentionHours'
  | 'applicationName'
  | 'logger'
  | 'observer'
>;

export interface CreateWriterOptions extends ProcessOptions, PlainOptions {}

export type EmbeddedWriter = Omit<Writer, 'start'> & AsyncDisposable;

/**
 * Starts a writer: it leads lanes, shares them with the other writers of the deployment, and settles their writes.
 * @throws {SluiceError} `configuration_invalid` that names the option, `database_unavailable`, `schema_outdated`,
 *   `deployment_disagrees`
 */
export async function createWriter(options: CreateWriterOptions): Promise<EmbeddedWriter> {
  checkOptions('create a writer', writerOptions, options);
  const writer = createPlainWriter(await processOptions('create a writer', options));
  try {
    await explained(writer.start());
  } catch (error) {
    await writer.stop();
    throw error;
  }
  const stop = (): Promise<void> => writer.stop();
  return { stop, status: () => writer.status(), drained: writer.drained, [Symbol.asyncDispose]: stop };
}
