/**
 * An API key: `sluice_`, a prefix to find it by, and 256 random bits. Only its SHA-256 is kept: with that many bits no
 * guess comes near it, so a hash that is slow on purpose would cost every request and gain nothing.
 */
import { createHash, randomBytes } from 'node:crypto';

export interface ApiKey {
  /** All of it: told once, kept nowhere. */
  text: string;
  /** 12 hexadecimal digits; no secret. */
  prefix: string;
  hash: Buffer;
}

const form = /^sluice_([0-9a-f]{12})_[\w-]{43}$/;

export function createApiKey(): ApiKey {
  const prefix = randomBytes(6).toString('hex');
  const text = `sluice_${prefix}_${randomBytes(32).toString('base64url')}`;
  return { text, prefix, hash: hashOf(text) };
}

/** The prefix of a text that has the form of a key; null: it has not. */
export function prefixOf(text: string): string | null {
  return form.exec(text)?.[1] ?? null;
}

export function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
