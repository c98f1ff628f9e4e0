/**
 * How long a JSON text becomes when PostgreSQL writes it as `jsonb`: with one space after each colon and comma only,
 * and with every digit of a number. `1e308` is five characters here and 309 there, so a small text may become larger
 * than a process can hold. Strings never grow.
 */

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const DOT = 0x2e;

/** Greatest growth of a text: the longest numbers that PostgreSQL stores have 131,072 digits, e.g. `1e131071`. */
const growthMax = 16_384;
/** Greatest growth if no exponent has three digits: `1e99` becomes 100 characters. */
const smallGrowthMax = 32;
const longExponent = /[:,[\s]-?\d[\d.]*[eE][+-]?\d{3}/;

/**
 * The place where a text of valid JSON becomes too large: a member of its outermost object, or `$`. Null: it does
 * not. The computed size is never too low, and at most a few bytes per number too high.
 */
export function findOutgrowth(text: string, bytesMax: number): string | null {
  const { length } = text;
  if (length * growthMax <= bytesMax) return null;
  if (length * smallGrowthMax <= bytesMax && !longExponent.test(text)) return null;
  let bytes = 0;
  let depth = 0;
  /** Start of the last string at the outermost level, and of the name of the present member there. */
  let read = 0;
  let member = -1;
  for (let at = 0; at < length;) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      const start = at++;
      bytes += 2;
      for (; at < length && text.charCodeAt(at) !== QUOTE; at++) {
        const character = text.charCodeAt(at);
        bytes += bytesOf(character);
        if (character === BACKSLASH) {
          at++;
          bytes++;
        }
      }
      at++;
      if (depth === 1) read = start;
    } else if (code === MINUS || isDigit(code)) {
      const start = at;
      while (at < length && isOfNumber(text.charCodeAt(at))) at++;
      bytes += numberLength(text, start, at);
    } else {
      if (code === COLON || code === COMMA) bytes += 2;
      else if (code > 0x20) bytes++;
      if (code === COLON && depth === 1) member = read;
      // A bracket or a brace: both kinds differ in one bit, and so do their ends.
      else if ((code | 0x20) === 0x7b) depth++;
      else if ((code | 0x20) === 0x7d) depth--;
      at++;
    }
    if (bytes > bytesMax) return member < 0 ? '$' : pathOfMember(text, member);
  }
  return null;
}

function pathOfMember(text: string, start: number): string {
  const name = text.slice(start + 1, start + 101);
  const end = name.indexOf('"');
  return memberPath(end < 0 ? name : name.slice(0, end));
}

/** `$.name`; an unusual name is in brackets, as it is spelled. */
function memberPath(name: string): string {
  return /^[A-Za-z_$][\w$-]*$/.test(name) ? `$.${name}` : `$["${name}"]`;
}

/** Bytes in UTF-8; a surrogate counts as half of four. */
function bytesOf(character: number): number {
  if (character < 0x80) return 1;
  return character < 0x800 || (character & 0xf800) === 0xd800 ? 2 : 3;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function isOfNumber(code: number): boolean {
  return isDigit(code) || code === DOT || code === MINUS || code === 0x2b || (code | 0x20) === 0x65;
}

/** Length of a number that is written without an exponent: digits, sign and point. */
function numberLength(text: string, from: number, to: number): number {
  let whole = 0;
  let fraction = 0;
  let at = from;
  const sign = text.charCodeAt(at) === MINUS ? 1 : 0;
  for (at += sign; at < to && isDigit(text.charCodeAt(at)); at++) whole++;
  if (text.charCodeAt(at) === DOT) {
    for (at++; at < to && isDigit(text.charCodeAt(at)); at++) fraction++;
  }
  const exponent = at < to ? Number(text.slice(at + 1, to)) : 0;
  const decimals = Math.max(0, fraction - exponent);
  return sign + Math.max(1, whole + exponent) + (decimals > 0 ? decimals + 1 : 0);
}
