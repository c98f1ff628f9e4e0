/**
 * Checks, in one pass over the text, whether JSON can be stored and read without a change. PostgreSQL's `jsonb`
 * refuses `\u0000` and lone surrogates, JavaScript rounds numbers, and both drop duplicate keys. A text that passes
 * is JSON, and means the same to both. For any other text, the first fault and its place are named.
 */
import { isUtf8 } from 'node:buffer';
import { JsonKeys } from './json-keys.ts';
import { memberPath, placeIn, type JsonOffence } from './json-offence.ts';
import {
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  decodedKey,
  endOfNumber,
  endOfString,
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

/** Reused for each text, so that scanning allocates almost nothing. Not reentrant. */
export class JsonScanner {
  readonly #limits: JsonLimits;
  #depth = 0;
  #keyCount = 0;
  /** Position where it stopped, and the fault there. */
  #at = 0;
  #fault: string | null = null;
  #watched = '';
  #member: MemberSpan | null = null;
  // For the containers around the present place, by depth from 1: the key (`from` 0: none yet) or the index.
  readonly #isArray: Uint8Array;
  readonly #from: Int32Array;
  readonly #to: Int32Array;
  readonly #keys: JsonKeys;

  constructor(limits: JsonLimits) {
    this.#limits = limits;
    const depths = limits.depthMax + 2;
    this.#isArray = new Uint8Array(depths);
    this.#from = new Int32Array(depths);
    this.#to = new Int32Array(depths);
    this.#keys = new JsonKeys(depths);
  }

  /** @param watched Name of a member of the outermost object whose place is wanted. */
  scan(text: Buffer, watched = ''): JsonScan {
    this.#depth = this.#at = this.#keyCount = 0;
    this.#fault = this.#member = null;
    this.#watched = watched;
    if (text.length === 0) this.#refuse('is empty, which is not valid JSON');
    else if (text[0] === 0xef && text[1] === 0xbb && text[2] === 0xbf) {
      this.#refuse('begins with a byte order mark');
    } else this.#read(text);
    const message = this.#fault;
    return message === null
      ? { offence: null, member: this.#member }
      : { offence: { path: this.#path(text), message, ...placeIn(text, this.#at) }, member: null };
  }

  /** Below zero: it has stopped at a fault. Its parts return places in the text, or the same. */
  #read(text: Buffer): number {
    const { length } = text;
    const { stringLengthMax } = this.#limits;
    // If the whole text is UTF-8, no string of it needs a look of its own.
    const isSound = isUtf8(text);
    let state = VALUE;
    let depth = 0;
    let valueEnd = 0;
    for (let at = skipSpace(text, 0); at < length; at = skipSpace(text, at)) {
      const code = text[at]!;
      this.#at = at;
      if (code === QUOTE && state !== SEPARATOR) {
        const end = endOfString(text, at + 1);
        if (end < 0 || !isSound || end - at > stringLengthMax) {
          if (this.#isFaulty(text, at + 1, end)) return -1;
        }
        at = state <= FIRST_VALUE ? end + 1 : this.#behindKey(text, depth, at + 1, end);
        state = state <= FIRST_VALUE ? SEPARATOR : VALUE;
      } else if (state > FIRST_VALUE) {
        const isArray = this.#isArray[depth] === 1;
        const isComma = state === SEPARATOR && depth > 0 && code === COMMA;
        const isEnd = depth > 0 && state !== KEY && code === (isArray ? CLOSE_BRACKET : CLOSE_BRACE);
        if (!isComma && !isEnd) {
          const missing = state === SEPARATOR ? 'comma or an end' : 'key';
          return this.#refuse(`is not valid JSON: a ${missing} is missing`);
        }
        if (depth === 1 && this.#member?.end === 0) this.#member.end = valueEnd;
        at++;
        if (isEnd) {
          this.#depth = --depth;
          state = SEPARATOR;
        } else if (isArray) {
          if (++this.#to[depth]! >= this.#limits.arrayLengthMax) return this.#refuseLength();
          state = VALUE;
        } else {
          this.#from[depth] = 0;
          state = KEY;
        }
      } else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
        if (depth === this.#limits.depthMax) return this.#refuse(`is nested deeper than ${depth}`);
        this.#open(++depth, code === OPEN_BRACKET);
        state = code === OPEN_BRACKET ? FIRST_VALUE : FIRST_KEY;
        at++;
      } else {
        const isEmptyArray = code === CLOSE_BRACKET && state === FIRST_VALUE;
        if (isEmptyArray) this.#depth = --depth;
        at = isEmptyArray ? at + 1 : this.#endOfScalar(text, at, code);
        state = SEPARATOR;
      }
      if (at < 0) return at;
      if (state === SEPARATOR) valueEnd = at;
    }
    this.#at = length;
    if (state === SEPARATOR && depth === 0) return length;
    return this.#refuse('is not valid JSON: the text ends too early');
  }

  #refuse(fault: string): number {
    this.#fault = fault;
    return -1;
  }

  #isFaulty(text: Buffer, from: number, end: number): boolean {
    const { stringLengthMax } = this.#limits;
    if (end < 0) this.#refuse(stringFault(text, (this.#at = -1 - end)));
    else if (!isUtf8(text.subarray(from, end))) this.#refuse('holds bytes that are not UTF-8');
    else if (end - from > stringLengthMax) {
      this.#refuse(`holds a string of more than ${stringLengthMax} bytes`);
    }
    return this.#fault !== null;
  }

  /** The place behind the colon of a key. */
  #behindKey(text: Buffer, depth: number, from: number, end: number): number {
    const { keysMax } = this.#limits;
    this.#from[depth] = from;
    this.#to[depth] = end;
    if (++this.#keyCount > keysMax) {
      return this.#refuse(`comes after ${keysMax} keys, which is the limit of this node`);
    }
    if (this.#keys.isRepeated(text, depth, from, end)) return this.#refuse(REPEATED_KEY);
    const colon = skipSpace(text, end + 1);
    if (text[colon] !== COLON) {
      this.#at = colon;
      // It may be a value in place of a name, which the path must not show.
      this.#from[depth] = 0;
      return this.#refuse('is not valid JSON: a colon is missing');
    }
    if (depth === 1 && this.#watched !== '' && decodedKey(text, from, end) === this.#watched) {
      this.#member = { start: from - 1, valueStart: skipSpace(text, colon + 1), end: 0 };
    }
    return colon + 1;
  }

  #open(depth: number, isArray: boolean): void {
    this.#depth = depth;
    this.#isArray[depth] = isArray ? 1 : 0;
    this.#from[depth] = this.#to[depth] = 0;
    this.#keys.clear(depth);
  }

  /** The place behind a number or a word. */
  #endOfScalar(text: Buffer, at: number, code: number): number {
    if (code === MINUS || isDigit(code)) {
      const end = endOfNumber(text, at);
      if (end < 0) return this.#refuse('is not valid JSON: a number is misspelled');
      if (!keepsItsValue(text, at, end) && !(this.#limits.takesExactNumbers && isStorable(text, at, end))) {
        return this.#refuse('is a number that would not keep its value');
      }
      return end;
    }
    const word = code === 0x74 ? 'true' : code === 0x66 ? 'false' : 'null';
    if (text.toString('latin1', at, at + word.length) === word) return at + word.length;
    return this.#refuse('is not valid JSON: a value is missing or misspelled');
  }

  #refuseLength(): number {
    const { arrayLengthMax } = this.#limits;
    return this.#refuse(
      `comes after ${arrayLengthMax} elements, which is the limit of this node for one array`,
    );
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
