import { apiTunables, defaultsOf, type ApiTunable } from 'sluice/internal/protocol';
import type { JsonLimits } from './json-scanner.ts';

/** Limits of one request, checked before anything of it is parsed. `apiTunables` are settings. */
export interface ApiLimits extends Record<ApiTunable, number> {
  /** Most documents of one page. @default 500 */
  pageDocumentsMax: number;
  /** Most concurrent writes of one bulk request. @default 256 */
  bulkWritesMax: number;
  /**
   * The same if writes may wait for references, because they might wait for later lines.
   * @default 4,096
   */
  bulkWaitingWritesMax: number;
  /** Most bytes of the lines of one bulk request under way; a multiple if writes may wait. @default 32 MiB */
  bulkBytesMax: number;
  /** Most bytes of answers kept for a client that sends its whole bulk request before it reads. @default 16 MiB */
  bulkAnswerBytesMax: number;
  /** Longest wait that a request may ask for, in seconds. @default 3,600 */
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

/** The limits of one document, for the scanner. */
export function jsonLimits({
  bodyDepthMax: depthMax,
  bodyKeysMax: keysMax,
  arrayLengthMax,
  stringBytesMax: stringLengthMax,
}: ApiLimits): JsonLimits {
  return { depthMax, keysMax, arrayLengthMax, stringLengthMax };
}
