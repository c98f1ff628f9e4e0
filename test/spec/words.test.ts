// The words that this project uses: one word for each thing, and none that a reader has to guess. What is not rewritten
// yet is counted in words-to-rewrite.json, by word and folder. A count may only fall: UPDATE_WORDS=1 lowers it.

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { textsOfRepository, type Text } from '../support/prose.ts';

const things =
  '(?:process|node|writer|leader|session|lane|batch|statement|table|query|command|program|server|client|connection|transaction|listener|pool|test|file|write|document|row)(?:e?s)?';

/** Retired words, and what to write instead. */
const retired: Record<string, { pattern: RegExp; instead: string }> = {
  whoever: { pattern: /\bwho(?:m)?ever\b/gi, instead: 'the noun: "any session that …"' },
  'who, of a thing': { pattern: new RegExp(`\\b${things},? whom?\\b`, 'gi'), instead: 'which, that' },
  'who waits, asks, settles …': {
    pattern: /(?:^|[.:;] )who (?:waits|asks|settles|leads|writes|reads|gives|takes|has|is)\b/gim,
    instead: 'the noun: "a session that waits"',
  },
  'as, for because': {
    pattern: /\bCannot [^.:;]{3,80}? as (?:it|its|the|there|they|a|an|no|this|that)\b/g,
    instead: 'a colon before the reason, or because',
  },
  sweep: {
    pattern: /\bsw(?:eep(?:s|ing|er)?|ept)\b/gi,
    instead: 'catch-up scan (of a lane), retention (of outcomes)',
  },
  bury: { pattern: /\bbur(?:y|ies|ied|ying|ial)\b/gi, instead: 'make a dead letter' },
  'set aside': { pattern: /\b(?:set(?:s|ting)?|put(?:s|ting)?) aside\b/gi, instead: 'becomes a dead letter' },
  'stands behind': { pattern: /\bst(?:and(?:s|ing)?|ood) behind\b/gi, instead: 'blocked, waits for' },
  hanging: { pattern: /\bhang(?:s|ing)\b/gi, instead: 'blocked' },
  'look around': { pattern: /\blook(?:s|ing|ed)? around\b/gi, instead: 'heartbeat' },
  beat: { pattern: /\bbeat(?:s|ing)?\b/gi, instead: 'heartbeat' },
  tick: { pattern: /\btick(?:s|ed|ing)?\b/gi, instead: 'poll' },
  'look without a bound': { pattern: /\blook(?:s|ing|ed)? without\b/gi, instead: 'catch-up scan, poll' },
  'low position': { pattern: /\blow positions?\b/gi, instead: 'low-water mark' },
  forget: { pattern: /\bforg[eo]t(?:s|ten|ting)?\b/gi, instead: 'delete (retention)' },
  circle: { pattern: /(?<!<)\bcircles?\b/gi, instead: 'cycle' },
  suspect: {
    pattern: /\bsuspe(?:cts?|cted|cting)\b|\bsuspicions?\b|\bon trial\b/gi,
    instead: 'quarantine',
  },
  farewell: { pattern: /\bfarewells?\b|\btak(?:e|es|ing) leave\b/gi, instead: 'close, stop' },
  'come by': { pattern: /\b(?:come|comes|came|coming) by\b/gi, instead: 'the verb of what happens' },
  'settle at once': {
    pattern: /\bsettle[sd]? (?:it |them )?at once\b/gi,
    instead: 'commit on the fast path',
  },
  anew: { pattern: /\banew\b/gi, instead: 'again, new, or the verb: replace, restart' },
  'on its way': {
    pattern: /\bon (?:its|their) way\b/gi,
    instead: 'in the intake, waiting, or the verb of what happens',
  },
  'by chance': { pattern: /\bby chance\b/gi, instead: 'any session that gets the lock' },
  heed: { pattern: /\bheed(?:s|ed|ing)?\b/gi, instead: 'obey, check, support' },
  mend: { pattern: /\bmend(?:s|ed)?\b/gi, instead: 'repair, fix' },
  'come to pass': { pattern: /\bcom(?:e|es|ing) to pass\b/gi, instead: 'are applied, happen' },
  'come to nothing': { pattern: /\bc[ao]m(?:e|es|ing) to nothing\b/gi, instead: 'have no effect, fail' },
  'told of': { pattern: /\btold of\b/gi, instead: 'receives, is reported to' },
  'of ours': { pattern: /\bof (?:ours|theirs)\b/gi, instead: 'of Sluice, of the other program' },
  'of late': { pattern: /\bof late\b/gi, instead: 'recently' },
  'in the place of': { pattern: /\bin the place of\b/gi, instead: 'instead of' },
  'go behind, go round': {
    pattern: /\bgo(?:es)? (?:behind|round)\b/gi,
    instead: 'is ordered after, bypasses',
  },
  'way of speaking': { pattern: /\bways? of speaking\b/gi, instead: 'dialect' },
  'were it': { pattern: /\bwere (?:it|they|one)\b/gi, instead: 'if it were' },
};

const page = fileURLToPath(new URL('words-to-rewrite.json', import.meta.url));
type Counts = Record<string, Record<string, number>>;

/** By the folder at the top, so that a file may move. */
const folderOf = (file: string): string => (file.includes('/') ? file.slice(0, file.indexOf('/')) : 'root');

function placesOf(pattern: RegExp, texts: readonly Text[]): { folder: string; place: string }[] {
  return texts.flatMap(({ file, line, text }) =>
    [...text.matchAll(pattern)].map(({ 0: words, index }) => ({
      folder: folderOf(file),
      place: `${file}:${line + text.slice(0, index).split('\n').length - 1}: ${words.trim()}`,
    })),
  );
}

const texts = textsOfRepository().filter(({ file }) => !file.startsWith('test/spec/words'));
const allowed = JSON.parse(readFileSync(page, 'utf8')) as Counts;
const found = new Map(Object.entries(retired).map(([word, { pattern }]) => [word, placesOf(pattern, texts)]));

const countIn = (word: string, folder: string): number =>
  found.get(word)!.filter((each) => each.folder === folder).length;

test.each(Object.keys(retired))('no text that a person reads has the retired word: %s', (word) => {
  const folders = new Set(found.get(word)!.map(({ folder }) => folder));
  const more = [...folders].flatMap((folder) => {
    const [count, limit] = [countIn(word, folder), allowed[word]?.[folder] ?? 0];
    if (count <= limit) return [];
    const places = found.get(word)!.filter((each) => each.folder === folder);
    return [
      `${count} in ${folder}, ${limit} allowed. Write instead: ${retired[word]!.instead}`,
      ...places.map(({ place }) => `  ${place}`),
    ];
  });
  expect(more).toEqual([]);
});

test('the texts are read: comments, messages, pages, statements and titles', () => {
  const has = (pattern: RegExp): boolean => texts.some(({ file }) => pattern.test(file));
  for (const kind of [/\.md$/, /src\/.*\.ts$/, /\.sql$/, /\.yml$/, /\.test\.ts$/])
    expect(has(kind)).toBe(true);
  expect(texts.length).toBeGreaterThan(5000);
  const lines = texts.filter(({ file }) => file.endsWith('.md')).map(({ file, line }) => `${file}:${line}`);
  expect(new Set(lines).size).toBe(lines.length);
});

test('words-to-rewrite.json allows only words of the list, and its counts fall (UPDATE_WORDS=1)', () => {
  const lowered = Object.fromEntries(
    Object.entries(allowed).flatMap(([word, counts]) => {
      if (retired[word] === undefined) return [];
      const left = Object.entries(counts)
        .map(([folder, limit]) => [folder, Math.min(limit, countIn(word, folder))] as const)
        .filter(([, limit]) => limit > 0);
      return left.length === 0 ? [] : [[word, Object.fromEntries(left)]];
    }),
  );
  if (process.env['UPDATE_WORDS']) writeFileSync(page, `${JSON.stringify(lowered, null, 2)}\n`);
  expect(Object.keys(allowed).filter((word) => retired[word] === undefined)).toEqual([]);
});
