/** Where in a JSON text something is wrong, for people and for programs. */

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

export function placeIn(text: Buffer, at: number): { line: number; column: number } {
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

export function memberPath(key: string): string {
  return /^[A-Za-z_$][\w$-]*$/.test(key) ? `.${key}` : `["${key}"]`;
}
