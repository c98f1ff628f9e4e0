/**
 * Arrays of UUIDs, texts and JSON in PostgreSQL's binary form. The server copies their elements; of the text form it
 * would parse each character, and undo the escapes of each quote in a body.
 */
import { arrayLiteral } from './array-literal.ts';

/** Elements of an array as bytes; null: the text form has to be sent, and the server checks it. */
type Encoder = (values: readonly unknown[]) => Buffer | null;

const oids = { uuid: 2950, text: 25, jsonb: 3802 } as const;
const headBytes = 20;
/** As the longest string of the engine: beyond it, a flight fails before any of it is sent. */
const bytesMax = 2 ** 29 - 24;

const encoders: Readonly<Record<string, Encoder>> = {
  uuid: uuidBytes,
  text: (values) => textBytes(values, oids.text, ''),
  // The version of the form comes first.
  jsonb: (values) => textBytes(values, oids.jsonb, '\u0001'),
};

export type Encoders = readonly (Encoder | undefined)[];

/**
 * The encoders of a statement's parameters, from casts such as `$1::uuid[]`; the first parameter has index 0. For
 * statements of Sluice only: in one of other code, PostgreSQL may infer another type from an earlier use of a parameter.
 */
export function encodersIn(text: string): Encoders {
  const found: (Encoder | undefined)[] = [];
  for (const [, place, type] of text.matchAll(/\$(\d+)::(uuid|text|jsonb)\[\]/g))
    found[Number(place) - 1] = encoders[type!];
  return found;
}

/** Values in the form that the driver sends. */
export function parametersOf(values: readonly unknown[], encoders: Encoders = []): unknown[] {
  return values.map((value, index) =>
    Array.isArray(value) ? (encoders[index]?.(value) ?? arrayLiteral(value)) : value,
  );
}

function head(bytes: number, oid: number, values: readonly unknown[]): Buffer {
  const buffer = Buffer.allocUnsafe(headBytes + bytes);
  buffer.writeInt32BE(values.length === 0 ? 0 : 1, 0);
  buffer.writeInt32BE(values.includes(null) ? 1 : 0, 4);
  buffer.writeInt32BE(oid, 8);
  buffer.writeInt32BE(values.length, 12);
  buffer.writeInt32BE(1, 16);
  // An empty array has no dimensions.
  return values.length === 0 ? buffer.subarray(0, 12) : buffer;
}

const noElement = -1;
const digits = new Int8Array(128).fill(-1);
for (let digit = 0; digit < 16; digit++) {
  const text = digit.toString(16);
  digits[text.charCodeAt(0)] = digit;
  digits[text.toUpperCase().charCodeAt(0)] = digit;
}

function uuidBytes(values: readonly unknown[]): Buffer | null {
  const buffer = head(values.length * 20, oids.uuid, values);
  let at = headBytes;
  for (const value of values) {
    if (value === null) {
      at = buffer.writeInt32BE(noElement, at);
      continue;
    }
    if (typeof value !== 'string' || value.length !== 36) return null;
    at = buffer.writeInt32BE(16, at);
    for (let place = 0; place < 36; place += 2) {
      if (place === 8 || place === 13 || place === 18 || place === 23) {
        if (value.charCodeAt(place) !== 45) return null;
        place += 1;
      }
      // A character that is no digit gives -1, so that the sum is negative; beyond the table it gives NaN.
      const high = digits[value.charCodeAt(place)] ?? -1;
      const low = digits[value.charCodeAt(place + 1)] ?? -1;
      if (high < 0 || low < 0) return null;
      buffer[at++] = high * 16 + low;
    }
  }
  return buffer.subarray(0, at);
}

function textBytes(values: readonly unknown[], oid: number, prefix: string): Buffer | null {
  let bytes = 0;
  for (const value of values) {
    if (value !== null && typeof value !== 'string') return null;
    // Three bytes hold every character of a string.
    bytes += 4 + prefix.length + (value === null ? 0 : value.length * 3);
  }
  if (bytes > bytesMax) return null;
  const buffer = head(bytes, oid, values);
  let at = headBytes;
  let before: unknown = null;
  let begin = 0;
  for (const value of values as readonly (string | null)[]) {
    if (value === null) at = buffer.writeInt32BE(noElement, at);
    else if (value === before) {
      // Most columns of a batch repeat one value.
      const end = begin + 4 + buffer.readInt32BE(begin);
      buffer.copyWithin(at, begin, end);
      at += end - begin;
    } else {
      before = value;
      begin = at;
      at += 4;
      if (prefix !== '') buffer[at++] = prefix.charCodeAt(0);
      at += buffer.write(value, at);
      buffer.writeInt32BE(at - begin - 4, begin);
    }
  }
  return buffer.subarray(0, at);
}
