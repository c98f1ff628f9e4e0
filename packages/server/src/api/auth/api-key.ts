/**
 * An API key: `sluice_`, a prefix to find it by, and 256 random bits. Only its SHA-256 is stored. No guess finds that
 * many bits, so a slow hash would only cost time.
 */
import { createHash, randomBytes } from 'node:crypto';

export interface ApiKey {
  /** The whole key: shown once, and not stored. */
  text: string;
  /** 12 hexadecimal digits, not secret. */
  prefix: string;
  hash: Buffer;
}

const form = /^sluice_([0-9a-f]{12})_[\w-]{43}$/;

export function createApiKey(): ApiKey {
  const prefix = randomBytes(6).toString('hex');
  const text = `sluice_${prefix}_${randomBytes(32).toString('base64url')}`;
  return { text, prefix, hash: hashOf(text) };
}

/** The prefix of a text in the form of a key; null for any other text. */
export function prefixOf(text: string): string | null {
  return form.exec(text)?.[1] ?? null;
}

export function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
