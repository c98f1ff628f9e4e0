import { expect, test } from 'vitest';
import { lengthOf, readSentences } from './sentences.ts';

test('a sentence ends at a full stop before a capital letter, at the end of an item, and never inside of code', () => {
  const { words, sentences } = readSentences(
    '# Title\n\nThe first, e.g. this one, goes\non. **Second**: see [the page](a.md)!\n\n' +
      '- an item\n- `a. B` is one word\n\n| a. Table | of cells |\n\n```\nNo. Code\n```\n',
  );
  expect(sentences).toEqual([
    'The first, e.g. this one, goes on.',
    'Second: see the page!',
    'an item',
    'Code is one word',
  ]);
  expect(sentences.map(lengthOf)).toEqual([7, 4, 2, 4]);
  expect(words).toBe(1 + 7 + 4 + 2 + 5 + 4);
});
