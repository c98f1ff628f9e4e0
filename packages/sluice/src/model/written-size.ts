/**
 * How long a JSON text becomes when PostgreSQL writes it out as `jsonb`: without spaces of its own, but one behind each
 * colon and comma, and with every digit of a number. `1e308` is five characters here and 309 there, so a small text may
 * come back as one that no process can hold. Strings never grow.
 */

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const DOT = 0x2e;

/** No text grows by more: of the numbers that PostgreSQL stores, the longest have 131,072 digits, `1e131071` is one. */
const growthMax = 16_384;
/** Nor by more than this where no exponent has three digits: `1e99` becomes 100. */
const smallGrowthMax = 32;
const longExponent = /[:,[\s]-?\d[\d.]*[eE][+-]?\d{3}/;

/**
 * The place where a text of sound JSON outgrows the limit: a member of its outermost object, `$` where there is none.
 * Null: it does not. Never too low, and at most a few bytes a number too high.
 */
export function findOutgrowth(text: string, bytesMax: number): string | null {
  const { length } = text;
  if (length * growthMax <= bytesMax) return null;
  if (length * smallGrowthMax <= bytesMax && !longExponent.test(text)) return null;
  let bytes = 0;
  let depth = 0;
  /** Of the string that was read last at the outermost level, and of the member there, whose name it then was. */
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
      // Brackets and braces: the two kinds differ in one bit from others, and so do their ends.
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

/** `$.name`; a name that is no plain one stands in brackets, as it is spelled. */
function memberPath(name: string): string {
  return /^[A-Za-z_$][\w$-]*$/.test(name) ? `$.${name}` : `$["${name}"]`;
}

/** Of UTF-8; a surrogate is half of four. */
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

/** Digits, sign and point of a number that is written without an exponent. */
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
