/** Strings and numbers in a JSON text of UTF-8 bytes: their ends, and whether PostgreSQL and JavaScript both keep them unchanged. */

// Codes of characters.
export const QUOTE = 0x22;
export const COMMA = 0x2c;
export const MINUS = 0x2d;
export const COLON = 0x3a;
export const BACKSLASH = 0x5c;
export const OPEN_BRACKET = 0x5b;
export const CLOSE_BRACKET = 0x5d;
export const OPEN_BRACE = 0x7b;
export const CLOSE_BRACE = 0x7d;
const SMALL_U = 0x75;

/** A decimal with this many digits survives as a double. */
const SAFE_DIGITS = 15;
/** Longest digits and exponent of a kept number; PostgreSQL's own limits are higher. */
const NUMBER_LENGTH_MAX = 1000;
/** With this many digits after the point, `numeric` has room for those of the longest number. */
const EXPONENT_MAX = 10_000;

export function skipSpace(text: Buffer, from: number): number {
  let at = from;
  for (; at < text.length; at++) {
    const code = text[at]!;
    if (code > 0x20 || (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09)) break;
  }
  return at;
}

/** Place of the closing quote; if negative, -1 minus the place of a fault, which {@link stringFault} names. */
export function endOfString(text: Buffer, from: number): number {
  const { length } = text;
  for (let at = from; at < length; at++) {
    const code = text[at]!;
    if (code > BACKSLASH) continue;
    if (code === QUOTE) return at;
    if (code < 0x20) return -1 - at;
    if (code !== BACKSLASH) continue;
    const escape = at + 1 < length ? text[at + 1]! : 0;
    if (escape !== SMALL_U) {
      if (!isSimpleEscape(escape)) return -1 - at;
      at++;
      continue;
    }
    const unit = hexUnit(text, at + 2);
    if (unit <= 0) return -1 - at;
    if ((unit & 0xf800) !== 0xd800) {
      at += 5;
      continue;
    }
    const isPair =
      unit < 0xdc00 &&
      text[at + 6] === BACKSLASH &&
      text[at + 7] === SMALL_U &&
      (hexUnit(text, at + 8) & 0xfc00) === 0xdc00;
    if (!isPair) return -1 - at;
    at += 11;
  }
  return -1 - length;
}

/** The fault of a string at the place that {@link endOfString} has found. */
export function stringFault(text: Buffer, at: number): string {
  const isCut = text[at] === BACKSLASH && at + 1 === text.length;
  if (at === text.length || isCut) return 'is not valid JSON: a string does not end';
  if (text[at]! < 0x20) return 'is not valid JSON: a string holds a raw control character';
  const unit = text[at + 1] === SMALL_U ? hexUnit(text, at + 2) : -1;
  if (unit < 0) return 'is not valid JSON: a string holds an unknown escape';
  if (unit === 0) return 'holds \\u0000, which PostgreSQL cannot store';
  return 'holds half of a surrogate pair, which is not a character';
}

/** `" \ / b f n r t` */
function isSimpleEscape(code: number): boolean {
  return (
    code === QUOTE ||
    code === BACKSLASH ||
    code === 0x2f ||
    code === 0x62 ||
    code === 0x66 ||
    code === 0x6e ||
    code === 0x72 ||
    code === 0x74
  );
}

/** Four hexadecimal digits; -1 if they are not. */
function hexUnit(text: Buffer, from: number): number {
  if (from + 4 > text.length) return -1;
  let unit = 0;
  for (let at = from; at < from + 4; at++) {
    const code = text[at]!;
    const small = code | 0x20;
    if (isDigit(code)) unit = unit * 16 + code - 0x30;
    else if (small >= 0x61 && small <= 0x66) unit = unit * 16 + small - 0x57;
    else return -1;
  }
  return unit;
}

/** Place after the number's last digit; -1 if it is not a JSON number. */
export function endOfNumber(text: Buffer, from: number): number {
  let at = text[from] === MINUS ? from + 1 : from;
  const wholeEnd = skipDigits(text, at);
  if (wholeEnd === at || (wholeEnd > at + 1 && text[at] === 0x30)) return -1;
  at = wholeEnd;
  if (at < text.length && text[at] === 0x2e) {
    const end = skipDigits(text, at + 1);
    if (end === at + 1) return -1;
    at = end;
  }
  if (at < text.length && (text[at]! | 0x20) === 0x65) {
    const sign = at + 1 < text.length ? text[at + 1]! : 0;
    const digits = sign === MINUS || sign === 0x2b ? at + 2 : at + 1;
    const end = skipDigits(text, digits);
    if (end === digits) return -1;
    at = end;
  }
  return at;
}

function skipDigits(text: Buffer, from: number): number {
  let at = from;
  while (at < text.length && isDigit(text[at]!)) at++;
  return at;
}

export function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** Whether JavaScript, after reading the number, writes the same decimal value. */
export function keepsItsValue(text: Buffer, from: number, to: number): boolean {
  if (to - from <= SAFE_DIGITS && !hasExponent(text, from, to)) return true;
  if (to - from > NUMBER_LENGTH_MAX) return false;
  const literal = text.toString('latin1', from, to);
  const value = Number(literal);
  return Number.isFinite(value) && decimalOf(literal) === decimalOf(String(value));
}

/** Whether PostgreSQL's `numeric`, and so `jsonb`, keeps all digits of the number. */
export function isStorable(text: Buffer, from: number, to: number): boolean {
  if (to - from > NUMBER_LENGTH_MAX) return false;
  const [, exponent = '0'] = /[eE]([+-]?\d+)$/.exec(text.toString('latin1', from, to)) ?? [];
  return Math.abs(Number(exponent)) <= EXPONENT_MAX;
}

function hasExponent(text: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if ((text[at]! | 0x20) === 0x65) return true;
  return false;
}

/** Digits without zeros at either end, with the power of ten: `12.50e3` and `12500` are both `125e2`. */
function decimalOf(literal: string): string {
  const parts = /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(literal);
  const fraction = parts?.[2] ?? '';
  const exponent = Number(parts?.[3] ?? 0);
  const digits = (parts?.[1] ?? '') + fraction;
  let start = 0;
  while (digits.charCodeAt(start) === 0x30) start++;
  // PostgreSQL refuses a zero with a huge exponent like any other number.
  if (start === digits.length) return Math.abs(exponent) > NUMBER_LENGTH_MAX ? 'out of range' : '0';
  let end = digits.length;
  while (digits.charCodeAt(end - 1) === 0x30) end--;
  return `${digits.slice(start, end)}e${exponent - fraction.length + digits.length - end}`;
}

/** The key between the quotes, without escapes. */
export function decodedKey(text: Buffer, from: number, to: number): string {
  const key = text.toString('utf8', from, to);
  return key.includes('\\') ? (JSON.parse(`"${key}"`) as string) : key;
}

/** Equal for equal keys, in any spelling. */
export function hashOfKey(text: Buffer, from: number, to: number): number {
  let hash = 0;
  for (let at = from; at < to; at++) {
    const code = text[at]!;
    if (code === BACKSLASH) {
      const key = Buffer.from(decodedKey(text, from, to));
      return key.reduce((sum, byte) => (Math.imul(sum, 31) + byte) | 0, 0);
    }
    hash = (Math.imul(hash, 31) + code) | 0;
  }
  return hash;
}
