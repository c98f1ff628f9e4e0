// Comparison without case is decided in JavaScript: it is the same in a database of whatever locale, for every letter.

import { randomBytes } from 'node:crypto';
import { createClient, type SluiceClient } from 'sluice/internal/client';
import { foldCase, parseModel } from 'sluice/model';
import { migrate } from 'sluice/internal/store';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { isWide } from '../support/breadth.ts';
import { databaseUrl, execute } from '../support/postgres.ts';

const model = parseModel({
  project: 'Test',
  resources: [
    { name: 'Text', endpoint: 'test/texts', identity: ['$.textId'] },
    { name: 'KindDescriptor', endpoint: 'test/kindDescriptors', isDescriptor: true },
    {
      name: 'Thing',
      endpoint: 'test/things',
      identity: ['$.thingId'],
      references: [
        { resource: 'KindDescriptor', paths: [{ identity: '$.descriptor', path: '$.kindDescriptor' }] },
      ],
    },
  ],
});
const resource = (name: string) => model.findEndpoint(`test/${name}`)!;

const locales = {
  'the C locale': `locale_provider libc locale 'C'`,
  'C.UTF-8': `locale_provider builtin builtin_locale 'C.UTF-8' locale 'C'`,
  'full Unicode mapping': `locale_provider builtin builtin_locale 'PG_UNICODE_FAST' locale 'C'`,
  'the ICU root locale': `locale_provider icu icu_locale 'und' locale 'C'`,
  'Turkish (ICU)': `locale_provider icu icu_locale 'tr' locale 'C'`,
};

const narrow = new Set(['the C locale', 'the ICU root locale', 'Turkish (ICU)']);

/** Every letter, mark and number, in texts of 100. */
const texts: string[] = [];
for (let code = 0; code <= 0x10ffff; code++) {
  if (code >= 0xd800 && code <= 0xdfff) continue;
  const letter = String.fromCodePoint(code);
  if (!/[\p{L}\p{M}\p{N}]/u.test(letter)) continue;
  if (texts.length === 0 || texts.at(-1)!.length >= 100) texts.push('');
  texts[texts.length - 1] += letter;
}

describe.each(Object.entries(locales).filter(([name]) => isWide || narrow.has(name)))(
  'in a database of %s',
  (_name, locale) => {
    const name = `sluice_test_locale_${randomBytes(4).toString('hex')}`;
    const url = databaseUrl(inject('postgresUrl'), name);
    let client: SluiceClient;
    let isMissing = false;

    beforeAll(async () => {
      await execute(
        inject('postgresUrl'),
        `create database ${name} template template0 encoding 'UTF8' ${locale}`,
      ).catch(() => (isMissing = true));
      if (isMissing) return console.warn(`Skipped: this server makes no database of ${locale}`);
      await migrate({ url });
      client = createClient({ url, model, mode: 'direct' });
      await client.start();
    });
    afterAll(async () => {
      if (isMissing) return;
      await client.stop();
      await execute(inject('postgresUrl'), `drop database ${name} with (force)`);
    });

    const write = async (of: string, document: object): Promise<string> =>
      (await client.submit({ operation: 'upsert', resource: resource(of), body: JSON.stringify(document) }))
        .result;

    test('the database compares every letter as JavaScript folds it', async ({ skip }) => {
      skip(isMissing);
      await write('texts', { textId: 1, all: texts });
      const unequal: string[] = [];
      const differ = async (from: number, to: number): Promise<void> => {
        const folded = texts.slice(from, to).map((text, index) => ({
          path: ['all', String(from + index)],
          value: foldCase(text),
        }));
        const found = await client.countDocuments(resource('texts'), {
          contains: [{}],
          folded,
          referentialIds: [],
        });
        if (found === 1) return;
        if (to - from === 1) return void unequal.push(texts[from]!);
        const middle = Math.ceil((from + to) / 2);
        await differ(from, middle);
        await differ(middle, to);
      };
      await differ(0, texts.length);
      expect(unequal).toEqual([]);
    });

    test.each([
      ['ÉCOLE', 'école'],
      ['ΟΔΟΣ', 'οδος'],
      ['οδοσ', 'ΟΔΟΣ'],
      ['Kelvin', '\u212AELVIN'],
      ['İstanbul', 'i\u0307STANBUL'],
      ['STRAẞE', 'straße'],
      ['ILIK', 'ilik'],
      ['Į\u0300', 'į\u0300'],
    ])('a descriptor %s is referred to as %s, and both find it', async (code, other) => {
      if (isMissing) return;
      const namespace = `uri://test/${code}`;
      await write('kindDescriptors', { namespace, codeValue: code });
      const thingId = `${code} ${other}`;
      const kindDescriptor = `uri://test/${code}#${other}`;
      expect(await write('things', { thingId, kindDescriptor })).toBe('created');
      for (const asked of [kindDescriptor, `${namespace}#${code}`, kindDescriptor.toLowerCase()]) {
        const found = await client.countDocuments(resource('things'), {
          contains: [{ thingId }],
          folded: [{ path: ['kindDescriptor'], value: foldCase(asked) }],
          referentialIds: [],
        });
        expect([asked, found]).toEqual([asked, 1]);
      }
    });

    test.each([
      ['ILIK', 'ılık'],
      ['Straße', 'STRASSE'],
      ['É'.normalize('NFC'), 'É'.normalize('NFD')],
    ])('%s and %s are different, to identities and to searches', async (code, other) => {
      if (isMissing) return;
      await write('kindDescriptors', { namespace: 'uri://apart', codeValue: code });
      expect(
        await write('things', { thingId: `${code}≠${other}`, kindDescriptor: `uri://apart#${other}` }),
      ).toBe('refused');
      expect(await write('things', { thingId: code, kindDescriptor: `uri://apart#${code}` })).toBe('created');
      const folded = [{ path: ['kindDescriptor'], value: foldCase(`uri://apart#${other}`) }];
      expect(
        await client.countDocuments(resource('things'), { contains: [{}], folded, referentialIds: [] }),
      ).toBe(0);
    });
  },
);
