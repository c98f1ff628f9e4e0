/** The detail of an outcome as programs get it: with parsed rows and answers. */
import { endOfString } from './cut-json.ts';
import type { Outcome, OutcomeDetail } from './write.ts';

/** The subject of a refusal, and the parsed rows or the parsed answer of a write. */
export interface ParsedDetail extends Omit<OutcomeDetail, 'rowTexts' | 'answerText'> {
  /** The rows after the write, if the client asked for them. Numbers that JavaScript would round are strings. */
  rows?: unknown[];
  /** The answer of a function or a handler, with numbers as in {@link rows}. */
  answer?: unknown;
}

export interface ParsedOutcome extends Omit<Outcome, 'detail'> {
  detail: ParsedDetail | null;
}

export function parsedDetail(detail: OutcomeDetail): ParsedDetail {
  const { rowTexts, answerText, ...others } = detail;
  return {
    ...others,
    ...(rowTexts === undefined ? {} : { rows: rowTexts.map(parseExact) }),
    ...(answerText === undefined ? {} : { answer: parseExact(answerText) }),
  };
}

/** The value of a JSON text; a number that JavaScript would round is a string. */
export function parseExact(text: string): unknown {
  return JSON.parse(mayBeLong.test(text) ? quoteNumbers(text) : text);
}

/** Strings are skipped by hand, because an expression for them needs memory for each character. */
function quoteNumbers(text: string): string {
  const parts: string[] = [];
  let at = 0;
  for (let quote; (quote = text.indexOf('"', at)) !== -1;) {
    const end = endOfString(text, quote) + 1;
    parts.push(text.slice(at, quote).replace(numbers, quoteRounded), text.slice(quote, end));
    at = end;
  }
  parts.push(text.slice(at).replace(numbers, quoteRounded));
  return parts.join('');
}

/** As many digits fit into a JavaScript number. */
const digitsMax = 15;
const mayBeLong = /[\d.]{16}|\d[eE]/;
const numbers = /-?\d[\d.eE+-]*/g;

function quoteRounded(token: string): string {
  const own = String(Number(token));
  const isSpelledAlike = digitsOf(own) === digitsOf(token) && (!own.includes('e') || /e/i.test(token));
  const isHeld = token.length <= digitsMax || isSpelledAlike;
  return isHeld && Number.isFinite(Number(token)) ? token : `"${token}"`;
}

/** Without the zeros that say only where the point is. */
function digitsOf(number: string): string {
  const digits = number
    .replace(/[eE].*$/, '')
    .replace('-', '')
    .replace(/^[0.]+/, '');
  return digits.includes('.') ? digits.replace('.', '') : digits.replace(/0+$/, '');
}
