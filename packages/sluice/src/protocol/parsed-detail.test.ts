import { expect, test } from 'vitest';
import { parseExact } from './parsed-detail.ts';

test('a number that JavaScript would round is a string, beside any string', () => {
  const text = String.raw`{"a 12345678901234567890 \" \\":[9007199254740993,1.50,"12345678901234567890"],"b":-0.1e2}`;
  expect(parseExact(text)).toEqual({
    'a 12345678901234567890 " \\': ['9007199254740993', 1.5, '12345678901234567890'],
    b: -10,
  });
});

test('a text of many megabytes is parsed', () => {
  const long = 'x\n'.repeat(8_000_000);
  expect(parseExact(JSON.stringify({ long, n: 1 }))).toEqual({ long, n: 1 });
  expect(parseExact(`{"n":9007199254740993,"long":${JSON.stringify(long)}}`)).toEqual({
    n: '9007199254740993',
    long,
  });
});
