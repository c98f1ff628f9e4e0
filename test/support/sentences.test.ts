import { expect, test } from 'vitest';
import { documents, readDocument } from './documents.ts';
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

const read = documents.map((file) => ({ file, ...readSentences(readDocument(file)) }));

test('no sentence of a document has more than 30 words', () => {
  const long = read.flatMap(({ file, sentences }) =>
    sentences.filter((each) => lengthOf(each) > 30).map((each) => `${file}: ${each}`),
  );
  expect(long).toEqual([]);
});

test('the documentation stays short: README 800 words, ARCHITECTURE 1,800, the schema 900, a package 600, docs/ 15,000', () => {
  const wordsIn = (pattern: RegExp): number =>
    read.filter(({ file }) => pattern.test(file)).reduce((sum, { words }) => sum + words, 0);
  expect(wordsIn(/^README\.md$/)).toBeLessThanOrEqual(800);
  expect(wordsIn(/^ARCHITECTURE\.md$/)).toBeLessThanOrEqual(1800);
  expect(wordsIn(/^sql\/README\.md$/)).toBeLessThanOrEqual(900);
  for (const name of ['sluice', 'server', 'edfi'])
    expect(wordsIn(new RegExp(`^packages/${name}/README\\.md$`))).toBeLessThanOrEqual(600);
  expect(wordsIn(/^docs\/[\w-]+\.md$/)).toBeLessThanOrEqual(15_000);
});
