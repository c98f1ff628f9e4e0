import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from './canonical-json.ts';
import { contentHash } from './content-hash.ts';

/** The same value with the keys of every object in reverse. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, member]) => [key, reversed(member)]),
  );
}

describe('a content hash', () => {
  it('a content hash does not depend on the order of keys', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(contentHash(reversed(value))).toBe(contentHash(value));
      }),
    );
  });

  it('a content hash is base64url of the first 16 bytes of SHA-256 over the canonical JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const digest = createHash('sha256').update(canonicalJson(value)).digest();
        expect(contentHash(value)).toBe(digest.subarray(0, 16).toString('base64url'));
      }),
    );
  });

  it('a content hash differs where contents differ', () => {
    const contents = [
      {},
      { a: 1 },
      { a: '1' },
      { a: null },
      { a: [] },
      { a: {} },
      [1, 2],
      [2, 1],
      [[1], 2],
      [12],
      '',
      null,
    ];
    expect(new Set(contents.map(contentHash)).size).toBe(contents.length);
  });

  it('a content hash ignores no key, not even __proto__', () => {
    expect(contentHash(JSON.parse('{"__proto__":1}'))).not.toBe(contentHash({}));
  });
});

describe('canonical JSON', () => {
  it('canonical JSON sorts keys at every depth and has no white space', () => {
    expect(canonicalJson({ b: [{ d: 1, c: 'x y' }], a: null })).toBe('{"a":null,"b":[{"c":"x y","d":1}]}');
  });

  it('canonical JSON parses to the value it was made of', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value);
        expect(canonicalJson(JSON.parse(text))).toBe(text);
      }),
    );
    expect(JSON.parse(canonicalJson({ a: 'é\u2028"\n', b: 1.5e-7 }))).toEqual({ a: 'é\u2028"\n', b: 1.5e-7 });
  });
});
