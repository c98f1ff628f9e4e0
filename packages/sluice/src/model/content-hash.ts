import { hash } from 'node:crypto';
import { canonicalJson } from './canonical-json.ts';

const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/**
 * Twenty-two characters that are equal for equal contents, whatever the order of keys: base64url of the first 16
 * bytes of SHA-256 over the canonical JSON. It is the ETag of a document, and shows whether an update changes
 * anything.
 *
 * Its input is the result of `JSON.parse`. Two numbers that differ only beyond double precision have the same hash,
 * so a caller that parses must not take such a number.
 */
export function contentHash(document: unknown): string {
  // A string out of the hash is three times as fast as a buffer. Sixteen bytes end two bits into the 22nd character.
  const whole = hash('sha256', canonicalJson(document), 'base64url');
  return whole.slice(0, 21) + 'AQgw'.charAt(BASE64URL.indexOf(whole.charAt(21)) >> 4);
}
