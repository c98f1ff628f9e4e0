import { expect, test } from 'vitest';
import { caseVariants, foldCase } from './fold-case.ts';

test.each([
  ['Fall SEMESTER', 'fall semester'],
  ['ÉCOLE', 'école'],
  ['ΟΔΟΣ', 'οδοσ'],
  ['οδος', 'οδοσ'],
  ['ΣΑΣ', 'σασ'],
  ['\u212Aelvin', 'kelvin'],
  ['\u212Bngström', 'ångström'],
  ['Straße', 'straße'],
  ['STRAẞE', 'straße'],
  ['İstanbul', 'i\u0307stanbul'],
  ['ISPARTA', 'isparta'],
  ['ısparta', 'ısparta'],
  ['Ǆ ǅ ǆ', 'ǆ ǆ ǆ'],
  ['𐐀', '𐐨'],
  ['', ''],
])('%s is compared as %s', (text, folded) => expect(foldCase(text)).toBe(folded));

test('a text folds to the same regardless of its neighbours, and folding twice changes nothing', () => {
  const letters = Array.from({ length: 0x20000 }, (_, code) => String.fromCodePoint(code)).filter((letter) =>
    /\p{L}/u.test(letter),
  );
  const whole = letters.map(foldCase).join('');
  expect(foldCase(letters.join(''))).toBe(whole);
  expect(foldCase(whole)).toBe(whole);
});

test('every letter beyond ASCII that folds to a letter of a text is listed with it, in any plane', () => {
  const missing: string[] = [];
  for (let code = 0x80; code <= 0x10ffff; code++) {
    if (code >= 0xd800 && code <= 0xdfff) continue;
    const letter = String.fromCodePoint(code);
    const folded = foldCase(letter);
    if (folded === letter || letter === 'İ') continue;
    const { from, to } = caseVariants(folded);
    if (Array.from(to)[Array.from(from).indexOf(letter)] !== folded) missing.push(letter);
  }
  expect(missing).toEqual([]);
});

test('composed and decomposed letters are different', () => {
  expect(foldCase('é'.normalize('NFC'))).not.toBe(foldCase('é'.normalize('NFD')));
});
