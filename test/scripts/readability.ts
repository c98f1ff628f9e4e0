// How long the sentences of the Markdown files are: words of each document, mean and 90th percentile of words per sentence,
// and how many sentences have more than 30 words.
//
//   node --conditions=source --import tsx test/scripts/readability.ts [--long] [FILE…]
//
// --long prints each sentence of more than 30 words.

import { parseArgs } from 'node:util';
import { documents, readDocument } from '../support/documents.ts';
import { lengthOf, readSentences } from '../support/sentences.ts';

const { values, positionals } = parseArgs({
  options: { long: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const wordsMax = 30;

interface Row {
  name: string;
  words: number;
  lengths: number[];
}

const row = ({ name, words, lengths }: Row): string => {
  const sorted = lengths.toSorted((one, other) => one - other);
  const mean = lengths.reduce((sum, each) => sum + each, 0) / Math.max(1, lengths.length);
  const tail = sorted[Math.ceil(0.9 * sorted.length) - 1] ?? 0;
  const long = lengths.filter((each) => each > wordsMax).length;
  return [name.padEnd(46), words, lengths.length, mean.toFixed(1), tail, long]
    .map((cell) => String(cell).padStart(9))
    .join(' ');
};

const rows: Row[] = [];
console.log(
  ['document'.padEnd(46), 'words', 'sentences', 'mean', 'p90', '> 30']
    .map((cell) => cell.padStart(9))
    .join(' '),
);
for (const name of positionals.length > 0 ? positionals : documents) {
  const { words, sentences } = readSentences(readDocument(name));
  rows.push({ name, words, lengths: sentences.map(lengthOf) });
  console.log(row(rows.at(-1)!));
  const long = values.long ? sentences.filter((each) => lengthOf(each) > wordsMax) : [];
  for (const sentence of long) console.log(`  ${lengthOf(sentence)}: ${sentence}`);
}
/** Tables in docs/reference are generated, so they count apart. */
const total = (name: string, counted: Row[]): void =>
  console.log(
    row({
      name,
      words: counted.reduce((sum, { words }) => sum + words, 0),
      lengths: counted.flatMap(({ lengths }) => lengths),
    }),
  );
const isTable = ({ name }: Row): boolean => name.startsWith('docs/reference/');
total(
  'docs',
  rows.filter((each) => each.name.startsWith('docs/') && !isTable(each)),
);
total('docs/reference', rows.filter(isTable));
total('all', rows);
