/**
 * The identity key of a row: UUIDv8 (RFC 9562, 5.8) of the target's name and the values of its key. It uses SHA-256,
 * which is part of PostgreSQL, because `sluice.submit` computes the same. It decides the lane, and so the order. Two
 * spellings of one value (e.g. of a date, or of text under a collation that ignores case) have two identity keys:
 * their writes are not ordered, and the unique constraint of the table still holds.
 */
import { Buffer } from 'node:buffer';
import { hash } from 'node:crypto';

/** Whether values of this base type are whole numbers. */
export function isInteger(baseType: string): boolean {
  return baseType === 'int8' || baseType === 'int4' || baseType === 'int2';
}

/**
 * The text of a key's value: JSON strings unchanged, numbers as `jsonb` writes them, other values as JSON. UUIDs,
 * integers and decimal numbers have one spelling.
 */
export function keyText(value: unknown, baseType: string): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  if (baseType === 'uuid') return text.toLowerCase().replaceAll(/[{}-]/g, '');
  if (isInteger(baseType) || baseType === 'numeric') return decimalText(text);
  return text;
}

/** Without spaces, a plus sign, and superfluous zeros. */
function decimalText(text: string): string {
  const [, minus = '', whole, fraction = ''] = /^\s*(?:\+|(-))?0*(\d+)(?:\.(\d*?)0*)?\s*$/.exec(text) ?? [];
  if (whole === undefined) return text;
  const plain = fraction === '' ? whole : `${whole}.${fraction}`;
  return plain === '0' ? plain : minus + plain;
}

/** @param texts In the order of the key's columns. */
export function rowKey(target: string, texts: readonly string[]): string {
  const parts = [target, ...texts].map((text) => `${Buffer.byteLength(text)}:${text}`);
  const digest = hash('sha256', parts.join(''), 'hex');
  const variant = '89ab'.charAt(Number.parseInt(digest.charAt(16), 16) & 3);
  return `${digest.slice(0, 8)}-${digest.slice(8, 12)}-8${digest.slice(13, 16)}-${variant}${digest.slice(17, 20)}-${digest.slice(20, 32)}`;
}
