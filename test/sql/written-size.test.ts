// What a document becomes when PostgreSQL writes it out is computed without asking: never less than what it says.

import { findOutgrowth } from 'sluice/model';
import { Session } from 'sluice/internal/store';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { useDatabase } from '../support/database.ts';

const database = useDatabase();
let session: Session;
beforeAll(async () => {
  session = await Session.open({ url: database.url, applicationName: 'test' });
});
afterAll(() => session.close());

async function writtenBytes(text: string): Promise<number> {
  const [row] = await session.query('select octet_length($1::jsonb::text) as bytes', [text]);
  return row!['bytes'] as number;
}

/** The lowest limit that the text keeps. */
function computedBytes(text: string): number {
  let [low, high] = [0, 1];
  while (findOutgrowth(text, high) !== null) high *= 2;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (findOutgrowth(text, middle) === null) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Some length beyond which nothing is taken for granted by the length alone. */
const long = ` ${' '.repeat(40)}`;

test.each([
  ['numbers with exponents', '[1e308,-1e308,1.5e3,1E+2,12.50e1,1e-7,-1.25e-320,5e-324]'],
  ['the longest numbers there are', '[1e131071,-1e131071,1e-16383]'],
  ['zeros', '[0,-0,0.0,0.00]'],
  ['spaces, colons and commas', '{ "a" : [ 1 ,2,\n3 ] , "b":{"c":null,"d":true}}'],
  ['empty things', '{"a":{},"b":[],"c":""}'],
  ['escapes', '{"a":"\\u00e9\\u0001\\n\\t\\\\\\"\\/\\ud83d\\ude00","b":"é€😀"}'],
  [
    'a plain document',
    '{"studentUniqueId":"604822","birthDate":"2010-01-13","addresses":[{"city":"Dallas"}]}',
  ],
])(
  'the computed size is at least that of what PostgreSQL writes, and hardly more: %s',
  async (_what, text) => {
    const written = await writtenBytes(text);
    const computed = computedBytes(text + long);
    expect(computed).toBeGreaterThanOrEqual(written);
    // Escapes are counted as they are spelled; of zeros PostgreSQL drops the sign.
    expect(computed).toBeLessThanOrEqual(text.includes('\\u') ? 2 * written : written + 2);
  },
);

test('the computed size is never too low, whatever the document', async () => {
  const exponent = fc.tuple(fc.constantFrom('e', 'E', 'e+', 'e-'), fc.integer({ min: 0, max: 400 }));
  const number = fc
    .tuple(
      fc.constantFrom('', '-'),
      fc.bigInt({ min: 0n, max: 10n ** 20n }),
      fc.option(fc.nat()),
      fc.option(exponent),
    )
    .map(
      ([sign, whole, fraction, power]) =>
        `${sign}${whole}${fraction === null ? '' : `.${fraction}`}${power === null ? '' : power.join('')}`,
    );
  const value = fc.oneof(
    number,
    fc.string({ unit: 'grapheme' }).map((text) => JSON.stringify(text.replaceAll('\0', ''))),
  );
  const texts = fc
    .array(fc.tuple(fc.string({ unit: 'binary-ascii' }), value), { maxLength: 20 })
    .map(
      (members) =>
        `{${members.map(([name, each], index) => `${JSON.stringify(`${index}${name.replaceAll('\0', '')}`)} :${each}`).join(',')}}`,
    );
  await fc.assert(
    fc.asyncProperty(texts, async (text) => {
      expect(findOutgrowth(text + long, (await writtenBytes(text)) - 1)).not.toBeNull();
      expect(computedBytes(text + long)).toBeGreaterThanOrEqual(await writtenBytes(text));
    }),
    { numRuns: 150 },
  );
});

test.each([
  ['{"a":1,"n":[[1e308,1e308]],"z":2}', '$.n'],
  ['{"a":1e308,"n":[1e308]}', '$.a'],
  ['{"a":{"n":1},"odd name":1e308}', '$["odd name"]'],
  ['[1e308,1e308]', '$'],
])('the error names the member that is too much: %s', (text, path) => {
  expect(findOutgrowth(text, 300)).toBe(path);
  expect(findOutgrowth(text, 1000)).toBeNull();
});
