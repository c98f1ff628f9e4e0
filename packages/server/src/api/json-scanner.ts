/**
 * Checks, in one pass over the text, whether JSON can be stored and read without a change. PostgreSQL's `jsonb`
 * refuses `\u0000` and lone surrogates, JavaScript rounds numbers, and both drop duplicate keys. A text that passes
 * is JSON, and means the same to both. For any other text, the first fault and its place are named.
 */
import { isUtf8 } from 'node:buffer';
import {
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  decodedKey,
  endOfNumber,
  endOfString,
  hashOfKey,
  isDigit,
  isStorable,
  keepsItsValue,
  MINUS,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  skipSpace,
  stringFault,
} from './json-tokens.ts';

export interface JsonLimits {
  /** Most nested objects and arrays, with the outermost. */
  depthMax: number;
  /** Most keys of all objects together. */
  keysMax: number;
  /** Most elements of one array. */
  arrayLengthMax: number;
  /** Most bytes of one string or key, as spelled in the text. */
  stringLengthMax: number;
  /** Accepts numbers that JavaScript would round, if PostgreSQL can store them. @default false */
  takesExactNumbers?: boolean;
}

export interface JsonOffence {
  /** `$.sections[2].name`; an unusual key is in brackets, spelled as in the text. */
  path: string;
  /** The rest of a sentence that starts with the path. */
  message: string;
  /** Place in the text, from 1; the column counts characters. */
  line: number;
  column: number;
}

/** The place as text for people. */
export function placeText({ line, column }: Pick<JsonOffence, 'line' | 'column'>): string {
  return `line ${line}, column ${column}`;
}

/** Place of a member of the outermost object: from its key's quote, and its value's first byte, to its end. */
export interface MemberSpan {
  start: number;
  valueStart: number;
  end: number;
}

export interface JsonScan {
  offence: JsonOffence | null;
  /** The watched member, if the outermost value is an object that has it. */
  member: MemberSpan | null;
}

/** The message of an object's second member of one name. */
export const REPEATED_KEY = 'is a key that occurs twice in its object';

// What may come next.
const VALUE = 0;
const FIRST_VALUE = 1;
const KEY = 2;
const FIRST_KEY = 3;
const SEPARATOR = 4;

/** Up to this many keys of one object are compared with one another; more are kept in a set. */
const COMPARED_KEYS = 32;
/** Reused for each text, so that scanning allocates almost nothing. Not reentrant. */
export class JsonScanner {
  readonly #limits: JsonLimits;
  #depth = 0;
  /** Position where it stopped. */
  #at = 0;
  #member: MemberSpan | null = null;
  // For the containers around the present place, by depth from 1: the key (`from` 0: none yet) or the index.
  readonly #isArray: Uint8Array;
  readonly #from: Int32Array;
  readonly #to: Int32Array;
  // Keys of each open object, COMPARED_KEYS places for each depth.
  readonly #keyCount: Int32Array;
  readonly #keyHash: Int32Array;
  readonly #keyFrom: Int32Array;
  readonly #keyTo: Int32Array;
  readonly #keySet: (Set<string> | null)[];

  constructor(limits: JsonLimits) {
    this.#limits = limits;
    const depths = limits.depthMax + 2;
    this.#isArray = new Uint8Array(depths);
    this.#from = new Int32Array(depths);
    this.#to = new Int32Array(depths);
    this.#keyCount = new Int32Array(depths);
    this.#keyHash = new Int32Array(depths * COMPARED_KEYS);
    this.#keyFrom = new Int32Array(depths * COMPARED_KEYS);
    this.#keyTo = new Int32Array(depths * COMPARED_KEYS);
    this.#keySet = Array.from({ length: depths }, () => null);
  }

  /** @param watched Name of a member of the outermost object whose place is wanted. */
  scan(text: Buffer, watched = ''): JsonScan {
    this.#depth = this.#at = 0;
    this.#member = null;
    const message = this.#read(text, watched);
    return message === null
      ? { offence: null, member: this.#member }
      : { offence: { path: this.#path(text), message, ...placeIn(text, this.#at) }, member: null };
  }

  /** The fault at the place where it stopped; null: none, to the end. */
  #read(text: Buffer, watched: string): string | null {
    const { length } = text;
    if (length === 0) return 'is empty, which is not valid JSON';
    if (text[0] === 0xef && text[1] === 0xbb && text[2] === 0xbf) return 'begins with a byte order mark';
    const isSound = isUtf8(text);
    const { depthMax, keysMax, arrayLengthMax, stringLengthMax } = this.#limits;
    let member: MemberSpan | null = null;
    let state = VALUE;
    let depth = 0;
    let keys = 0;
    let valueEnd = 0;

    for (let at = skipSpace(text, 0); at < length; at = skipSpace(text, at)) {
      const code = text[at]!;
      this.#at = at;

      if (code === QUOTE && state !== SEPARATOR) {
        const from = at + 1;
        const end = endOfString(text, from);
        if (end < 0) return stringFault(text, (this.#at = -1 - end));
        if (!isSound && !isUtf8(text.subarray(from, end))) return 'holds bytes that are not UTF-8';
        if (end - from > stringLengthMax) return `holds a string of more than ${stringLengthMax} bytes`;
        at = end + 1;
        if (state <= FIRST_VALUE) {
          state = SEPARATOR;
          valueEnd = at;
          continue;
        }
        this.#from[depth] = from;
        this.#to[depth] = end;
        if (++keys > keysMax) return `comes after ${keysMax} keys, which is the limit of this node`;
        if (this.#isRepeated(text, depth, from, end)) return REPEATED_KEY;
        at = skipSpace(text, at);
        if (text[at] !== COLON) {
          this.#at = at;
          // It may be a value in place of a name, which the path must not show.
          this.#from[depth] = 0;
          return 'is not valid JSON: a colon is missing';
        }
        at++;
        if (depth === 1 && watched !== '' && decodedKey(text, from, end) === watched) {
          member = { start: from - 1, valueStart: skipSpace(text, at), end: 0 };
        }
        state = VALUE;
      } else if (state <= FIRST_VALUE) {
        if (code === OPEN_BRACE || code === OPEN_BRACKET) {
          if (depth === depthMax) return `is nested deeper than ${depthMax}`;
          this.#depth = ++depth;
          this.#isArray[depth] = code === OPEN_BRACKET ? 1 : 0;
          this.#from[depth] = this.#to[depth] = this.#keyCount[depth] = 0;
          this.#keySet[depth] = null;
          state = code === OPEN_BRACKET ? FIRST_VALUE : FIRST_KEY;
          at++;
          continue;
        }
        if (code === MINUS || isDigit(code)) {
          const end = endOfNumber(text, at);
          if (end < 0) return 'is not valid JSON: a number is misspelled';
          if (!keepsItsValue(text, at, end) && !(this.#limits.takesExactNumbers && isStorable(text, at, end)))
            return 'is a number that would not keep its value';
          at = end;
        } else if (code === CLOSE_BRACKET && state === FIRST_VALUE) {
          this.#depth = --depth;
          at++;
        } else {
          const word = code === 0x74 ? 'true' : code === 0x66 ? 'false' : 'null';
          if (text.toString('latin1', at, at + word.length) !== word) {
            return 'is not valid JSON: a value is missing or misspelled';
          }
          at += word.length;
        }
        state = SEPARATOR;
        valueEnd = at;
      } else {
        const isArray = this.#isArray[depth] === 1;
        const isComma = state === SEPARATOR && depth > 0 && code === COMMA;
        const isEnd = depth > 0 && state !== KEY && code === (isArray ? CLOSE_BRACKET : CLOSE_BRACE);
        if (!isComma && !isEnd) {
          return `is not valid JSON: a ${state === SEPARATOR ? 'comma or an end' : 'key'} is missing`;
        }
        if (depth === 1 && member !== null && this.#member === null) {
          member.end = valueEnd;
          this.#member = member;
        }
        at++;
        if (isComma) {
          if (isArray) {
            if (++this.#to[depth]! >= arrayLengthMax) {
              return `comes after ${arrayLengthMax} elements, which is the limit of this node for one array`;
            }
          } else this.#from[depth] = 0;
          state = isArray ? VALUE : KEY;
        } else {
          this.#depth = --depth;
          state = SEPARATOR;
          valueEnd = at;
        }
      }
    }
    this.#at = length;
    return state === SEPARATOR && depth === 0 ? null : 'is not valid JSON: the text ends too early';
  }

  #isRepeated(text: Buffer, depth: number, from: number, to: number): boolean {
    const count = this.#keyCount[depth]!++;
    const base = depth * COMPARED_KEYS;
    if (count >= COMPARED_KEYS) {
      const set = (this.#keySet[depth] ??= new Set(
        Array.from({ length: COMPARED_KEYS }, (_, index) =>
          decodedKey(text, this.#keyFrom[base + index]!, this.#keyTo[base + index]!),
        ),
      ));
      return set.size === set.add(decodedKey(text, from, to)).size;
    }
    const hash = hashOfKey(text, from, to);
    for (let index = base; index < base + count; index++) {
      if (
        this.#keyHash[index] === hash &&
        decodedKey(text, this.#keyFrom[index]!, this.#keyTo[index]!) === decodedKey(text, from, to)
      ) {
        return true;
      }
    }
    this.#keyHash[base + count] = hash;
    this.#keyFrom[base + count] = from;
    this.#keyTo[base + count] = to;
    return false;
  }

  #path(text: Buffer): string {
    let path = '$';
    for (let level = 1; level <= this.#depth; level++) {
      const from = this.#from[level]!;
      const to = this.#to[level]!;
      if (this.#isArray[level] === 1) path += `[${to}]`;
      else if (from > 0) path += memberPath(text.toString('utf8', from, Math.min(to, from + 100)));
    }
    return path;
  }
}

function placeIn(text: Buffer, at: number): { line: number; column: number } {
  let line = 1;
  let start = 0;
  for (let end = text.indexOf(0x0a); end >= 0 && end < at; end = text.indexOf(0x0a, start)) {
    line++;
    start = end + 1;
  }
  // Of a character, only the first byte counts.
  let column = 1;
  for (let each = start; each < at; each++) if ((text[each]! & 0xc0) !== 0x80) column++;
  return { line, column };
}

function memberPath(key: string): string {
  return /^[A-Za-z_$][\w$-]*$/.test(key) ? `.${key}` : `["${key}"]`;
}
