import { describe, expect, test } from 'vitest';
import { arrayLiteral } from './array-literal.ts';

describe('an array as text', () => {
  test('an array as text leaves plain elements bare', () => {
    expect(arrayLiteral([1, true, '018f-aa', 'a_b', null])).toBe('{1,true,018f-aa,a_b,NULL}');
  });

  test('an array as text quotes elements that would be read otherwise', () => {
    expect(arrayLiteral(['', 'null', 'NULL', 'a,b', '{}', ' ', '"', '\\', 'é'])).toBe(
      '{"","null","NULL","a,b","{}"," ","\\"","\\\\","é"}',
    );
  });

  test('an array as text is empty for no elements', () => {
    expect(arrayLiteral([])).toBe('{}');
  });
});
