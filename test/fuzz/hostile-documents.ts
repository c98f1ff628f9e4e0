// Documents that somebody careless or hostile would send: a grammar for each way in which a text can be wrong, or be
// right and hard to keep. Each is the text of one document whose `code` nobody else has.

import type { Rng } from '../chaos/rng.ts';

/** In values alone: no answer and no log may show it. */
export const canary = 'ZZZ-LEAK';

export interface HostileDocument {
  /** `fuzz/things` */
  endpoint: string;
  bytes: Buffer;
  /** What must become of it; null: either will do. */
  fate: 'accepted' | 'refused' | null;
}

type Text = string | Buffer;
type Grammar = (rng: Rng, code: string) => HostileDocument;

const things = 'fuzz/things';
const hex4 = (unit: number): string => `\\u${unit.toString(16).padStart(4, '0')}`;
const quoted = (text: string): string => JSON.stringify(text);
const times = <T>(count: number, item: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => item(index));

function join(...parts: Text[]): Buffer {
  return Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
}

/** A member somewhere in a sound document: at the top, in objects, in arrays, before others or behind them. */
function around(rng: Rng, code: string, key: Text, value: Text): Buffer {
  let member = join(key, rng.pick([':', ' : ', ':\n']), value);
  for (let depth = rng.pick([0, 0, 1, 2, 5]); depth > 0; depth--) {
    const inner = rng.chance(0.3) ? join('[1,{', member, '},null]') : join('{', member, ',"z":[]}');
    member = join(`"in${depth}":`, inner);
  }
  const own = `"code":${quoted(code)},"secret":"${canary}"`;
  return rng.chance(0.5) ? join('{', own, ',', member, '}') : join('{', member, ', ', own, '}');
}

const valueCase =
  (fate: HostileDocument['fate'], value: (rng: Rng) => Text): Grammar =>
  (rng, code) => ({ endpoint: things, bytes: around(rng, code, '"v"', value(rng)), fate });

const stringOrKey =
  (fate: HostileDocument['fate'], inside: (rng: Rng) => Text): Grammar =>
  (rng, code) => {
    const text = join('"', rng.pick(['', 'a', 'ä', '\\"']), inside(rng), rng.pick(['', 'b', '\\\\']), '"');
    const isKey = rng.chance(0.4);
    return {
      endpoint: things,
      bytes: isKey ? around(rng, code, text, '1') : around(rng, code, '"v"', text),
      fate,
    };
  };

const whole =
  (fate: HostileDocument['fate'], text: (rng: Rng, code: string) => Text): Grammar =>
  (rng, code) => ({ endpoint: things, bytes: join(text(rng, code)), fate });

const plain = (code: string): string => `{"code":${quoted(code)},"secret":"${canary}"}`;
const digits = (rng: Rng, count: number): string => times(count, () => String(rng.int(0, 9))).join('');
/** With this many significant digits for sure. */
const significant = (rng: Rng, count: number): string =>
  `${rng.int(1, 9)}${digits(rng, count - 2)}${rng.int(1, 9)}`;

const lostNumbers: readonly ((rng: Rng) => string)[] = [
  () => '1e400',
  () => '-1e400',
  () => '1e131073',
  () => '1e999999999',
  () => '1e-20000',
  () => '-1e-20000',
  () => '0e99999999999',
  () => '9007199254740993',
  () => '-9007199254740993',
  () => '0.1000000000000000055511151231257827',
  (rng) => `0.${significant(rng, rng.int(18, 400))}`,
  (rng) => significant(rng, rng.int(18, 300)),
  (rng) => `${significant(rng, 19)}e${rng.int(-200, 200)}`,
  (rng) => `1.${'0'.repeat(rng.int(1001, 3000))}`,
  (rng) => `${rng.int(1, 9)}e${rng.int(310, 140_000)}`,
  (rng) => `${rng.int(1, 9)}e-${rng.int(330, 140_000)}`,
];

const keptNumbers: readonly ((rng: Rng) => string)[] = [
  () => '-0',
  () => '1.0',
  () => '-0.0',
  () => '0e5',
  () => '0e-5',
  () => '1E+2',
  () => '1.50e1',
  () => '1e308',
  () => '1e-300',
  () => '5e-324',
  () => '9007199254740991',
  () => '9007199254740992',
  (rng) => `${rng.chance(0.5) ? '-' : ''}${rng.int(0, 9)}.${digits(rng, rng.int(1, 14))}`,
  (rng) => `${significant(rng, rng.int(2, 15))}e${rng.int(-60, 60)}`,
  (rng) => `${significant(rng, rng.int(2, 15))}${'0'.repeat(rng.int(0, 30))}`,
  (rng) => `0.${'0'.repeat(rng.int(0, 60))}${significant(rng, rng.int(2, 15))}${'0'.repeat(rng.int(0, 9))}`,
];

const noJson = [
  'NaN', 'Infinity', '-Infinity', 'undefined', '01', '+1', '1.', '.5', '0x10', '1e', '--1', '1_000', "'a'", 'True', 'nul', 'nulll',
  '[1,]', '[,1]', '{"a":1,}', '{,}', '{"a"}', '{"a":}', '{a:1}', '{1:1}', '[1 2]', '{"a":1 "b":2}', '"a', '"\\x41"', '"\\u12"',
  '"a\tb"', '/* a */ 1', '1 // a', '#', '`a`', '{]', '[}', '\u00a0 1', '\u2028 1',
]; // prettier-ignore

const oddTexts = [
  '', ' ', '  padded  ', '"', "'", '\\', '\\\\"', ',', '{', '}', '{}', '{NULL}', 'NULL', 'null', '(a,b)', '[1]', '#', '=', '#$.second=',
  '$1', '%s', '${x}', "'; drop table sluice.document; --", '\n', '\r\n', '\t', '\u0001', '\u007f', '\u0085', '\u00a0', '\u2028', '\u2029',
  '\ufeff', '\ufffd', '\uffff', '\u200b', '\u202e', 'é', 'e\u0301', 'Å', 'A\u030a', 'ﬁ', 'İ', 'ß', 'ẞ', '𝒳', '👩‍👩‍👧', '\u{10ffff}', 'constructor',
  '__proto__', 'toString', '../../etc/passwd', '<script>', '-1', '1e3', 'true',
]; // prettier-ignore

const odd = (rng: Rng): unknown =>
  rng.pick<unknown>([
    null, true, false, 0, -1, 1.5, '', 'x', [], {}, [[]], [{}], [null], { code: null }, { code: {} }, { code: [] }, { code: true },
    { code: 1 }, [{ code: 'x' }], 'x'.repeat(300), { first: 'a' }, { pairReference: null }, [{ pairReference: [] }],
  ]); // prettier-ignore

function nested(rng: Rng, depth: number): string {
  const opens = times(depth, () => (rng.chance(0.5) ? '[' : '{"a":'));
  const closes = opens.map((open) => (open === '[' ? ']' : '}')).toReversed();
  return opens.join('') + rng.pick(['1', '[]', '{}', '""']) + closes.join('');
}

/** JSON of any shape, with odd texts for keys and values. Its keys differ, and its numbers are kept. */
function anyJson(rng: Rng, depth: number): string {
  const space = rng.pick(['', '', '', ' ', '\n', '\t ']);
  const kind = rng.int(0, depth > 0 ? 6 : 3);
  if (kind === 0) return space + rng.pick(['null', 'true', 'false']);
  if (kind === 1) return space + rng.pick(keptNumbers)(rng);
  if (kind <= 3) return `${space}${quoted(rng.pick(oddTexts))}`;
  if (kind === 4)
    return `${space}[${times(rng.int(0, 5), () => anyJson(rng, depth - 1)).join(`${space},`)}${space}]`;
  const keys = rng.shuffle(oddTexts).slice(0, rng.int(0, 6));
  return `${space}{${keys.map((key) => `${quoted(key)}${space}:${anyJson(rng, depth - 1)}`).join(`,${space}`)}}`;
}

function spelled(rng: Rng, key: string): string {
  return key.replaceAll(/./gs, (character) =>
    rng.chance(0.5) ? hex4(character.codePointAt(0)!) : character,
  );
}

const notUtf8 = [
  [0x80], [0xff], [0xfe], [0xc0, 0x80], [0xc1, 0xbf], [0xc3], [0xc3, 0x28], [0xe2, 0x82], [0xe0, 0x80, 0xaf], [0xed, 0xa0, 0x80],
  [0xed, 0xbf, 0xbf], [0xf0, 0x9f, 0x98], [0xf0, 0x80, 0x80, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xf8, 0x88, 0x80, 0x80, 0x80],
]; // prettier-ignore

/** Documents by kind. The big ones come seldom: see {@link bigKinds}. */
export const documentKinds: Readonly<Record<string, Grammar>> = {
  'NUL, escaped': stringOrKey('refused', () => '\\u0000'),
  'half a surrogate pair': stringOrKey('refused', (rng) => {
    const high = hex4(rng.int(0xd800, 0xdbff));
    const low = hex4(rng.int(0xdc00, 0xdfff));
    return rng.pick([
      high,
      low,
      low + high,
      high + high,
      `${high}x`,
      `${high}\\n`,
      `${high}\\u0041`,
      high.toUpperCase().replace('U', 'u'),
    ]);
  }),
  'raw control character': stringOrKey('refused', (rng) => Buffer.from([rng.int(0, 31)])),
  'bytes that are not UTF-8': stringOrKey('refused', (rng) => Buffer.from(rng.pick(notUtf8))),
  'number that is not kept': valueCase('refused', (rng) => rng.pick(lostNumbers)(rng)),
  'odd number that is kept': valueCase('accepted', (rng) => rng.pick(keptNumbers)(rng)),
  'repeated key': (rng, code) => {
    const key = rng.pick(['a', 'code', '__proto__', 'é', 'a b', '']);
    const many = rng.pick([0, 0, 1, 31, 32, 33, 200]);
    const between = times(many, (index) => `"k${index}":${index},`).join('');
    const object = `{"${spelled(rng, key)}":1,${between}"${spelled(rng, key)}":2}`;
    return { endpoint: things, bytes: around(rng, code, '"v"', object), fate: 'refused' };
  },
  'keys of prototypes': valueCase('accepted', (rng) => {
    const keys = rng.shuffle([
      '__proto__',
      'constructor',
      'prototype',
      'hasOwnProperty',
      'toString',
      'toJSON',
      'then',
      'id',
    ]);
    return `{${keys
      .slice(0, rng.int(1, 8))
      .map((key) => `"${rng.chance(0.3) ? spelled(rng, key) : key}":{"isAdmin":true}`)
      .join()}}`;
  }),
  'prototype at the top': whole('accepted', (rng, code) => {
    const key = rng.pick(['__proto__', 'constructor', 'prototype']);
    return `{"code":${quoted(code)},"${key}":${rng.pick(['null', '{}', '1', `{"code":"${canary}"}`])}}`;
  }),
  'deep nesting': (rng, code) => {
    const depth = rng.pick([10, 62, 63, 64, 65, 66, 200, 4_200, 10_000, 30_000]);
    const bytes = Buffer.from(`{"code":${quoted(code)},"v":${nested(rng, depth)}}`);
    return { endpoint: things, bytes, fate: depth < 63 ? 'accepted' : depth > 63 ? 'refused' : null };
  },
  'byte order mark': whole('refused', (rng, code) =>
    join(rng.pick(['\ufeff', '\ufeff\ufeff', '\u0000', ' \ufeff']), plain(code)),
  ),
  'UTF-16': whole('refused', (rng, code) => {
    const text = Buffer.from(plain(code), 'utf16le');
    return rng.chance(0.5) ? text : text.swap16();
  }),
  'not JSON': valueCase('refused', (rng) => rng.pick(noJson)),
  'nothing, or no object': whole('refused', (rng) =>
    rng.pick([
      '',
      ' ',
      '\n\n',
      '{',
      '[',
      'null',
      '1',
      '"x"',
      '[]',
      '[{}]',
      'true',
      '{}',
      `["${canary}"]`,
      '{}{}',
      '[[',
      '\\',
    ]),
  ),
  'two documents': whole(
    'refused',
    (rng, code) => plain(code) + rng.pick(['', ',', ' ', '\r']) + plain(code),
  ),
  'cut off': whole('refused', (rng, code) => {
    const text = `{"code":${quoted(code)},"v":${anyJson(rng, 3)}}`;
    return Buffer.from(text).subarray(0, rng.int(0, Buffer.byteLength(text) - 1));
  }),
  'changed bytes': whole(null, (rng, code) => {
    const bytes = Buffer.from(`{"code":${quoted(code)},"secret":"${canary}","v":${anyJson(rng, 3)}}`);
    for (let changes = rng.int(1, 4); changes > 0; changes--) {
      // Not in the code: the document would be another's.
      bytes[rng.int(code.length + 12, bytes.length - 1)] = rng.chance(0.5)
        ? rng.int(0, 255)
        : rng.pick([...Buffer.from('{}[]",:\\0-e.')]);
    }
    return bytes;
  }),
  'JSON of any shape': whole(
    'accepted',
    (rng, code) => `{"code":${quoted(code)},"v":${anyJson(rng, 5)}}${rng.pick(['', '\n', '  '])}`,
  ),
  'odd text as identity': (rng, code) => {
    const [text, more] = [rng.pick(oddTexts), rng.pick(oddTexts)];
    const endpoint = rng.pick([things, 'fuzz/labels', 'fuzz/pairs']);
    const identity: Record<string, object> = {
      [things]: { code: `${code}${text}` },
      'fuzz/labels': { namespace: `${text}${code}`, codeValue: `x${more}` },
    };
    const document = identity[endpoint] ?? { first: `${code}${text}`, second: `${more}x` };
    // A part of an identity must not read as the beginning of the next.
    return { endpoint, bytes: Buffer.from(JSON.stringify(document)), fate: null };
  },
  'identity that reads as another': (rng, code) => {
    const parts = [code, rng.pick(['a', '']), rng.pick(['b', '']), 'c'];
    const cut = rng.int(1, 3);
    const document = {
      first: parts.slice(0, cut).join('#$.second='),
      second: parts.slice(cut).join('#$.second='),
    };
    return { endpoint: 'fuzz/pairs', bytes: Buffer.from(JSON.stringify(document)), fate: 'refused' };
  },
  'identity of another type': (rng, code) => {
    const identity = rng.pick([null, {}, [], [code], { code }, 1e21, 9007199254740992, -9007199254740992]);
    return {
      endpoint: things,
      bytes: Buffer.from(JSON.stringify({ code: identity, secret: canary })),
      fate: 'refused',
    };
  },
  'odd reference': (rng, code) => {
    const document = rng.pick([
      { code, thingReference: odd(rng) },
      { code, others: odd(rng) },
      { code, others: [odd(rng), { pairReference: odd(rng) }] },
      {
        code,
        thingReference: { code: odd(rng) },
        others: [{ pairReference: { first: odd(rng), second: odd(rng) } }],
      },
      { code, others: [{ pairReference: { first: `${canary}${code}`, second: rng.pick(oddTexts) } }] },
    ]);
    return { endpoint: 'fuzz/members', bytes: Buffer.from(JSON.stringify(document)), fate: null };
  },
  'against the schema': (rng, code) => {
    const wrong = rng.pick<object>([
      { count: canary }, { count: 1.5 }, { ratio: canary }, { day: canary }, { day: '2024-02-30' }, { tags: canary }, { tags: [1] },
      { rows: [{ a: 1 }, { a: 1.0 }] }, { [`more${rng.int(0, 99)}`]: canary }, { count: null }, { day: [] }, { tags: { length: 1 } },
      { code: `${canary}${'x'.repeat(80)}` }, { rows: [{ a: canary }, { b: 1 }, { a: canary }] }, { mail: canary }, { link: `${canary} x` },
    ]); // prettier-ignore
    return {
      endpoint: 'fuzz/sheets',
      bytes: Buffer.from(JSON.stringify({ code, ...wrong })),
      fate: 'refused',
    };
  },
  'long key': (rng, code) => {
    const key = quoted('k'.repeat(rng.pick([255, 2_704, 2_705, 8_192, 65_536])));
    return { endpoint: things, bytes: around(rng, code, key, '1'), fate: 'accepted' };
  },
  'long identity': (rng, code) => {
    const text = code + rng.pick(['x', 'ä', '😀']).repeat(rng.pick([1_400, 2_704, 8_191, 20_000]));
    return { endpoint: things, bytes: Buffer.from(JSON.stringify({ code: text })), fate: 'accepted' };
  },
};

const MiB = 1024 * 1024;

export const bigKinds: Readonly<Record<string, Grammar>> = {
  'long string': (rng, code) => {
    const size = rng.pick([100_000, MiB - 1, MiB, MiB + 1]);
    const unit = rng.pick(['x', ' ', '\\n', '😀']);
    const text = unit.repeat(Math.floor(size / Buffer.byteLength(unit)));
    const length = Buffer.byteLength(text);
    return {
      endpoint: things,
      bytes: around(rng, code, '"v"', `"${text}"`),
      fate: length > MiB ? 'refused' : 'accepted',
    };
  },
  'long array': (rng, code) => {
    const length = rng.pick([10_000, 99_999, 100_000, 100_001, 200_000]);
    const item = rng.pick(['1', '""', '[]', '{}', 'null']);
    return {
      endpoint: things,
      bytes: around(rng, code, '"v"', `[${times(length, () => item).join()}]`),
      fate: length > 100_000 ? 'refused' : 'accepted',
    };
  },
  'many keys': (rng, code) => {
    const count = rng.pick([10_000, 99_000, 100_001]);
    const object = `{${times(count, (index) => `"${index}":0`).join()}}`;
    return {
      endpoint: things,
      bytes: around(rng, code, '"v"', object),
      fate: count > 100_000 ? 'refused' : 'accepted',
    };
  },
  'many elements that must differ': (rng, code) => {
    const rows = times(rng.pick([20_000, 60_000]), (index) => ({ a: index }));
    return { endpoint: 'fuzz/sheets', bytes: Buffer.from(JSON.stringify({ code, rows })), fate: 'accepted' };
  },
  'many references': (rng, code) => {
    const others = times(rng.pick([2_000, 20_000]), (index) => ({
      pairReference: { first: `${code}${index}`, second: canary },
    }));
    return {
      endpoint: 'fuzz/members',
      bytes: Buffer.from(JSON.stringify({ code, others })),
      fate: 'refused',
    };
  },
  'larger than is taken': (rng, code) => {
    const filler = times(11, () => `"${rng.pick(['x', ' ']).repeat(MiB - 10)}"`).join();
    return { endpoint: things, bytes: around(rng, code, '"v"', `[${filler}]`), fate: 'refused' };
  },
};
