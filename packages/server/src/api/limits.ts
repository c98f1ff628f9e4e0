import { apiTunables, defaultsOf, type ApiTunable } from 'sluice/internal/protocol';
import type { JsonLimits } from './json-scanner.ts';

/** What this node takes from one request, before anything of it is parsed. Those that may be set: `apiTunables`. */
export interface ApiLimits extends Record<ApiTunable, number> {
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
}

export const defaultLimits: ApiLimits = {
  ...defaultsOf(apiTunables),
  pageDocumentsMax: 500,
  bulkWritesMax: 256,
  bulkWaitingWritesMax: 4_096,
  bulkBytesMax: 32 * 1024 * 1024,
  bulkAnswerBytesMax: 16 * 1024 * 1024,
  waitSecondsMax: 3_600,
};

/** The limits of one document, as the scanner takes them. */
export function jsonLimits({
  bodyDepthMax: depthMax,
  bodyKeysMax: keysMax,
  arrayLengthMax,
  stringBytesMax: stringLengthMax,
}: ApiLimits): JsonLimits {
  return { depthMax, keysMax, arrayLengthMax, stringLengthMax };
}
