import { defaults } from '@sluice/protocol';
import type { JsonLimits } from './json-scanner.ts';

/** What this node takes from one request, before anything of it is parsed. */
export interface ApiLimits {
  /** @default 10 MiB */
  bodyBytesMax: number;
  /** Objects and arrays inside one another. @default 64 */
  bodyDepthMax: number;
  /** Keys of all objects of one document. @default 100,000 */
  keysMax: number;
  /** Elements of one array in a document. @default 100,000 */
  arrayLengthMax: number;
  /** Bytes of one string in a document. @default 1 MiB */
  stringLengthMax: number;
  /** Documents of one page. @default 500 */
  pageDocumentsMax: number;
  /** Writes of one bulk request under way at the same time. @default 256 */
  bulkWritesMax: number;
  /**
   * The same, where writes may wait for references: they might wait for lines that are still to be read.
   * @default 4,096
   */
  bulkWaitingWritesMax: number;
  /** Bytes of the lines of one bulk request under way at the same time; as many times more as writes may wait. @default 32 MiB */
  bulkBytesMax: number;
  /** Answers kept for a client that sends its whole bulk request before it reads. @default 16 MiB */
  bulkAnswerBytesMax: number;
  /** Longest wait that a request may ask for. @default 3,600 */
  waitSecondsMax: number;
  /** Bytes of a request's line and headers. @default 16 KiB */
  headerBytesMax: number;
  /** In which a request's headers must have come. @default 10,000 */
  headerTimeoutMs: number;
  /** In which its body must have come; in a bulk request, more of it. @default 60,000 */
  bodyTimeoutMs: number;
  /** In which a client must take more of an answer that waits for it. @default 60,000 */
  readerTimeoutMs: number;
  /** Bytes of documents held for answers under way, of all clients together. @default 128 MiB */
  readBytesMax: number;
  /** Bytes of large bodies held for writes under way, of all clients together. @default 128 MiB */
  bodiesBytesMax: number;
  /** Requests of one client under way on this node at the same time. @default 10,000 */
  clientRequestsMax: number;
  /** Requests and bulk lines of one client a second on this node; 0: no limit. @default 0 */
  clientRate: number;
}

export const defaultLimits: ApiLimits = {
  bodyBytesMax: defaults.bodyBytesMax,
  bodyDepthMax: defaults.bodyDepthMax,
  keysMax: defaults.bodyKeysMax,
  arrayLengthMax: defaults.arrayLengthMax,
  stringLengthMax: defaults.stringBytesMax,
  pageDocumentsMax: 500,
  bulkWritesMax: 256,
  bulkWaitingWritesMax: 4_096,
  bulkBytesMax: 32 * 1024 * 1024,
  bulkAnswerBytesMax: 16 * 1024 * 1024,
  waitSecondsMax: 3_600,
  headerBytesMax: defaults.headerBytesMax,
  headerTimeoutMs: defaults.headerTimeoutMs,
  bodyTimeoutMs: defaults.bodyTimeoutMs,
  readerTimeoutMs: defaults.readerTimeoutMs,
  readBytesMax: defaults.readBytesMax,
  bodiesBytesMax: defaults.bodiesBytesMax,
  clientRequestsMax: defaults.clientRequestsMax,
  clientRate: defaults.clientRate,
};

/** The limits of one document, as the scanner takes them. */
export function jsonLimits({
  bodyDepthMax,
  keysMax,
  arrayLengthMax,
  stringLengthMax,
}: ApiLimits): JsonLimits {
  return { depthMax: bodyDepthMax, keysMax, arrayLengthMax, stringLengthMax };
}
