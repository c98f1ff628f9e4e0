/**
 * Finds the places of values in a JSON text that `JSON.parse` has accepted. The text is cut and not written again, so
 * numbers keep all their digits.
 */

interface JsonPiece {
  /** Name of a member of an object; null for an element of an array. */
  name: string | null;
  /** The value exactly as the text spells it. */
  text: string;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;

/** The members of an object, or the elements of an array. @param text Valid JSON. */
export function cutJson(text: string): JsonPiece[] {
  const pieces: JsonPiece[] = [];
  let depth = 0;
  let start = 0;
  let name: string | null = null;
  const end = (at: number): void => {
    const value = text.slice(start, at).trim();
    if (value !== '') pieces.push({ name, text: value });
    start = at + 1;
    name = null;
  };
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    // A bracket or a brace: both differ in one bit, and so do their ends.
    else if ((code | 0x20) === 0x7b) {
      if (++depth === 1) start = at + 1;
    } else if ((code | 0x20) === 0x7d) {
      if (--depth === 0) end(at);
    } else if (depth === 1 && code === COMMA) end(at);
    else if (depth === 1 && code === COLON) {
      name = JSON.parse(text.slice(start, at)) as string;
      start = at + 1;
    }
  }
  return pieces;
}

/** The place of the quote that ends the string. */
export function endOfString(text: string, quote: number): number {
  let at = quote + 1;
  for (; at < text.length && text.charCodeAt(at) !== QUOTE; at++) if (text.charCodeAt(at) === BACKSLASH) at++;
  return at;
}

/** The text of a member's value; of a repeated name, the last. */
export function memberText(text: string, name: string): string | undefined {
  return cutJson(text).findLast((piece) => piece.name === name)?.text;
}

/** A JSON number as `jsonb` writes it: without an exponent, and with the zeros after its point. */
export function plainNumber(source: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(source) ?? [];
  const shift = Number(exponent);
  // PostgreSQL does not take such a number.
  if (whole === '' || Math.abs(shift) > 150_000) return source;
  const digits = whole + fraction;
  const point = whole.length + shift;
  const before =
    point <= 0
      ? '0'
      : digits
          .slice(0, point)
          .padEnd(point, '0')
          .replace(/^0+(?=\d)/, '');
  const after = point >= 0 ? digits.slice(point) : '0'.repeat(-point) + digits;
  const text = after === '' ? before : `${before}.${after}`;
  return sign === '-' && /[1-9]/.test(digits) ? `-${text}` : text;
}
