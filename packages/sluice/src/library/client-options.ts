/** Options of the client of a program. */
import type { ClientOptions } from '#client';
import type { DocumentTypes, StandardSchema } from './contract.ts';
import type { ProcessOptions } from './options.ts';

export type DocumentSchemas<D extends DocumentTypes> = { readonly [E in keyof D]?: StandardSchema<D[E]> };

/** Options of the node's client that are useful to a program; see `ClientOptions`. */
type NodeOptions = Pick<
  ClientOptions,
  | 'mode'
  | 'schema'
  | 'targets'
  | 'lanes'
  | 'notifications'
  | 'pollIntervalMs'
  | 'waitMs'
  | 'waitingWritesMax'
  | 'drainMs'
  | 'documentBytesMax'
  | 'connectionsMax'
  | 'sessionsMax'
  | 'cascadeDocumentsMax'
  | 'projections'
  | 'applicationName'
  | 'logger'
  | 'observer'
>;

export interface CreateClientOptions<D extends DocumentTypes = DocumentTypes>
  extends ProcessOptions, NodeOptions {
  /** Schemas by endpoint or table, checked before a document or new row is written. They also give the types. @default none */
  schemas?: DocumentSchemas<D>;
}
