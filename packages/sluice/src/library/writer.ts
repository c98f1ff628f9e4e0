/** A writer in the process of a program that embeds Sluice. */
import { createWriter as createPlainWriter, type Writer, type WriterOptions } from '#writer';
import { explained } from '#store';
import { checkOptions, modelOf, urlOf, writerOptions, type Connection, type ModelSource } from './options.ts';

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

export interface CreateWriterOptions extends Connection, PlainOptions {
  /** Model of the documents. @default none; then `targets` is required */
  model?: ModelSource;
  /** A direct connection for LISTEN, if the other leads through a pooler. @default the other */
  listenConnectionString?: string;
}

export type EmbeddedWriter = Omit<Writer, 'start'> & AsyncDisposable;

/**
 * Starts a writer: it leads lanes, shares them with the other writers of the deployment, and settles their writes.
 * @throws {SluiceError} `configuration_invalid` that names the option, `database_unavailable`, `schema_outdated`,
 *   `deployment_disagrees`
 */
export async function createWriter(options: CreateWriterOptions): Promise<EmbeddedWriter> {
  checkOptions('create a writer', writerOptions, options);
  const { connectionString: _, pool: __, listenConnectionString, ...rest } = options;
  const writer = createPlainWriter({
    ...rest,
    model: await modelOf('create a writer', options.model),
    url: urlOf('create a writer', options),
    ...(listenConnectionString === undefined ? {} : { listenUrl: listenConnectionString }),
  });
  try {
    await explained(writer.start());
  } catch (error) {
    await writer.stop();
    throw error;
  }
  const stop = (): Promise<void> => writer.stop();
  return { stop, status: () => writer.status(), drained: writer.drained, [Symbol.asyncDispose]: stop };
}
